"""Simulated attendees, conferences and labelled sessions; pure."""
