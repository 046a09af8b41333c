"""Management commands, and how they stop on a signal."""
