"""The present of a running system: its money, orders, positions, alerts and lease."""
