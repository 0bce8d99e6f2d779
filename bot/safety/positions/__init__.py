"""Open positions: when they are closed, and what protects them at the exchange."""
