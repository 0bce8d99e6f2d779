"""The REST endpoints: their rules, their pages and their records."""
