"""Portfolio risk of the original interface: parameters, sizes, metrics and tax lots, all pure."""
