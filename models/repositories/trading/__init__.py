"""Rows of decisions and orders."""
