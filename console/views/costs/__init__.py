"""The costs of trades, as tables, CSV and pictures."""
