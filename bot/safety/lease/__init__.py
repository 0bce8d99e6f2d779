"""The lease to trade: the sensors behind it, and its keeper."""
