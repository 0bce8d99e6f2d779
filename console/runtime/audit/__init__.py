"""The audit for people: proofs of entries, and archives."""
