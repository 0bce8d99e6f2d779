"""The exchange without its endpoints: market, engine, clock and kept state."""
