"""Matching, accounts and ledger: pure, synchronous, driven by a passed-in time."""
