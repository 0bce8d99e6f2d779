"""Whether a model's stated probabilities still hold, judged by betting against them."""
