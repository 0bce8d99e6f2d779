"""The risk gate: pure decisions over frozen snapshots."""
