"""A server that speaks Bybit's V5 protocol and fills orders against a replayed market."""
