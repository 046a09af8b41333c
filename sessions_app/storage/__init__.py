"""Reads and writes in the database: sessions, metrics, polls, retention and migration helpers."""
