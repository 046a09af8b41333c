"""The dashboard's management commands."""
