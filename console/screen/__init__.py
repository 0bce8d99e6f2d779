"""The live screen: it shows a running system's work, refreshed twice a second."""
