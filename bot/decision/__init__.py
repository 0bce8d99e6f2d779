"""From a message to a decision: parsing, requests, the gate's answer and the rows of a trade."""
