"""The product's configuration: environment variables, server URLs, private files, system checks."""
