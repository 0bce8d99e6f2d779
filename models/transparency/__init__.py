"""The audit as a Merkle log in published formats: hashes and proofs, notes, and what is stored.

Nothing here knows a table except `models.transparency.stored`. The offline verifier is a file of
its own that imports nothing of mlrisk, so that a third party runs the very code that we run.
"""
