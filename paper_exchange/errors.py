"""The root of the paper exchange's own errors. It imports nothing of mlrisk's."""


class PaperExchangeError(Exception):
    """An error that the paper exchange raises on purpose. Its message is for people."""
