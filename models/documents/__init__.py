"""The documents that JSON columns hold, as frozen dataclasses, and their codec."""
