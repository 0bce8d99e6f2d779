"""Enums, messages, tables and repositories: what is stored, and how it is read back."""
