"""Alerts as rows: their levels, their words, and how a transaction raises and clears them."""
