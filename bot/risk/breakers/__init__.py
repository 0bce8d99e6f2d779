"""Breakers as pure code: breaches, their locks, and the confirmation of readings."""
