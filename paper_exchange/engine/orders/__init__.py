"""Orders: their checks, matching, amendments and ends."""
