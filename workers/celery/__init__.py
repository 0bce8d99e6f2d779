"""The Celery application: its broker, its beat, and the reading and refusing of messages."""
