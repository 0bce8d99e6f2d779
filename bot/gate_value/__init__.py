"""Whether the gate's blocks were right: the worth of what it denied and shrank, check by check."""
