"""The circuit breakers of an account: one evaluator judges them all, by beat and after events."""
