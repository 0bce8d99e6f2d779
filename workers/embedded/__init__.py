"""Postgres and Redis servers that mlrisk starts itself, from binaries installed by pip."""
