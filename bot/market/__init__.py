"""Market data turned into features: books, volatility, volume."""
