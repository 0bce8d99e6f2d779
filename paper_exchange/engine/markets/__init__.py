"""Markets: the replayed book, our own impact on it, and the instrument."""
