"""Celery tasks, one module per queue; a task opens a unit of work, calls the domain and returns."""
