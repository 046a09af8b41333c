"""Pages in states worth looking at, for axe-core and for screenshots."""
