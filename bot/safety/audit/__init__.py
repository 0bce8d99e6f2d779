"""The care of the audit: its log, its heads outside the database, and its archives."""
