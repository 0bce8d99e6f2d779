"""Whether our books agree with the exchange's: orders, executions, positions and cash flows."""
