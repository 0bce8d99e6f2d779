"""Transaction-cost analysis: what a trade really cost, and against what."""
