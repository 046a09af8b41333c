"""Pages in all relevant states, for axe-core and screenshots."""
