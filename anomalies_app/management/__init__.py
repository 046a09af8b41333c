"""Management commands of detection."""
