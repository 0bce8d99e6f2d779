"""Commands of authority: halts, limits, breakers, operators and strategies."""
