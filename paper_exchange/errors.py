"""The root of the paper exchange's own errors: it imports nothing of mlrisk's."""


class PaperExchangeError(Exception):
    """What the paper exchange raises on purpose; the message is for people."""
