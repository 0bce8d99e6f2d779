"""Enums, messages, tables and repositories: how data is stored, and how it is read back."""
