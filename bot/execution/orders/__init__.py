"""Rows of parent and child orders: their lifecycle, their fills and their costs."""
