"""Accounts: wallets, positions, margin, funding and liquidation."""
