"""The watermark of what shows no real money."""

from config.settings import ExchangeMode, Settings


def watermark(settings: Settings) -> str | None:
    """The words of it; None where the money is real."""
    mode = settings.exchange_mode
    return None if mode is ExchangeMode.LIVE else f"{mode.upper()}: no real money"
