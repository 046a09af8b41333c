"""Helpers that drive the real processes: browsers, sockets, traffic, faults."""
