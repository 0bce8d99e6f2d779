"""The live screen: what a running system is doing, refreshed twice a second."""
