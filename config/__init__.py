"""Settings, thresholds and their schema: the lowest room; it holds values, never behaviour."""
