"""What organizers are promised, end to end."""
