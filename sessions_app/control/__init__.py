"""Control by people: announced breaks and ends, edits, and event settings."""
