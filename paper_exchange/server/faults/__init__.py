"""Faults and forced events: their catalogue, and the endpoint that switches them."""
