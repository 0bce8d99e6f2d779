"""The Exchange protocol spoken to Bybit V5 through pybit."""
