"""Limits in force: their sources, their changes, and their self-test."""
