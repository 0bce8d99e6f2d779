"""Processes: Celery app, feed, beat, supervisor and embedded servers."""
