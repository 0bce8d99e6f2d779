"""Each check is one function with its rule, limit and breach beside it; registry.py lists them."""
