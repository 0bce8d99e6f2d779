"""The one way out: the Exchange protocol, its Bybit adapter and the paper exchange."""
