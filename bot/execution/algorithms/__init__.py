"""One planner per module: from parameters to slices whose sum is exact."""
