"""Requests, logins and error responses: what applies to every page and the API."""
