"""Sessions of live events: what people do in them, and their engagement at each tick."""
