"""Transaction-cost analysis: the real costs of trades, against several prices."""
