"""What measures speed, memory and execution quality; prints figures, asserts nothing about time."""
