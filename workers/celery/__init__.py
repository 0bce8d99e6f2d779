"""The Celery application: its broker, its beat, and what it reads and refuses."""
