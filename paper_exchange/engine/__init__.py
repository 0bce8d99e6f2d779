"""The engine holds matching, accounts and the ledger.

It does no I/O; its caller passes the time.
"""
