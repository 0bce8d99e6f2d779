"""A demo strategy as an outsider would write it: nothing of mlrisk's own code is imported here."""
