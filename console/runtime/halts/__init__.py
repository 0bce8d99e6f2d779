"""Halts, drills and recoveries from a person's order to their report."""
