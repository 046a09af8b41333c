"""Simulated attendees: how they talk, react, come and go."""
