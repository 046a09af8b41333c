"""The promises to organizers, end to end."""
