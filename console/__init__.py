"""What people use: the mlrisk command."""
