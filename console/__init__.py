"""The command line for people: the mlrisk command."""
