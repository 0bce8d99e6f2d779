"""How an approved trade is worked: pure rules of prices, paces, algorithms and fallbacks."""
