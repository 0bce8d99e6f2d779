"""Breakers as pure code: what counts as a breach, how long it locks, and what proves a reading."""
