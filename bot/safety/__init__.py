"""Trading halts and their seal, tripped breakers and their reset, and the monitor."""
