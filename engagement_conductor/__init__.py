"""Composition root: settings, URLs, tasks, and the pipeline that connects the apps."""

from engagement_conductor.celery import app as celery_app

__all__ = ["celery_app"]
