"""The domain: deciding, executing, the market and the one way out to the exchange."""
