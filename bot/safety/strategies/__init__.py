"""Strategies: their facts, their stages, and the evidence for a promotion."""
