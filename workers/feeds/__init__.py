"""Streams of the exchange: the market and the account."""
