"""The outcome of a tick: its parts, how they are encoded, stored and published."""
