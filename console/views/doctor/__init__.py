"""The lines of `mlrisk doctor`."""
