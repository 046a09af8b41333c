"""Benchmarks of pages, sockets and the admin."""
