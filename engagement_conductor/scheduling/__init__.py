"""Celery's beat, broker connection and worker consumer."""
