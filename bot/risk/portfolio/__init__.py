"""The seed's portfolio risk: parameters, sizes, metrics and tax lots, as pure functions."""
