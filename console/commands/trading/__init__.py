"""Commands about requests, orders, positions and their costs."""
