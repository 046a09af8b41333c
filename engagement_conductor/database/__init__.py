"""The database backend, and backups."""
