"""The ways back from a halt and from tripped breakers."""
