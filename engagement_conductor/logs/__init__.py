"""Log files that never block a process, and the formats of log lines."""
