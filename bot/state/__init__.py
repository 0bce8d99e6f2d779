"""The known state of an account at a decision: its binding, breakers, fitness and snapshot."""
