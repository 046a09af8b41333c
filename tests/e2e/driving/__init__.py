"""What drives the real processes: browsers, sockets, traffic, faults."""
