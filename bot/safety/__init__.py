"""Halts, their proof, the latches that start them and the monitor that watches."""
