"""A trading halt: its state, its seal, its cancels, and the flattening of what is open."""
