"""Limits in force: where they come from, who changes them, and their self-test."""
