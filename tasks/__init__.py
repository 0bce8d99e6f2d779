"""Celery tasks by their kind of work; a task opens a unit of work, calls the domain and returns."""
