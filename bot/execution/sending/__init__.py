"""From a child that is due to one POST at the exchange."""
