"""One rule per module; the list of rules is in registry.py."""
