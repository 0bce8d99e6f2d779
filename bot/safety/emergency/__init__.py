"""The stops that the system asks for itself: their triggers, and the drills of the whole stop."""
