"""How an approved trade is worked: pure rules of prices, throttling, algorithms and fallbacks."""
