"""Pages, their payloads, and downloads."""
