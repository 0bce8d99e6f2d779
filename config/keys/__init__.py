"""The keys of the configuration's sections, beside the gate's limits."""
