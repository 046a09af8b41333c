"""Conferences that post what a platform posts."""
