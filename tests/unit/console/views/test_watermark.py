"""Everything but real money is marked."""

from config.settings import ExchangeMode, Settings
from console.views.watermark import watermark


def test_everything_but_real_money_is_marked() -> None:
    marks = {mode: watermark(Settings.model_construct(exchange_mode=mode)) for mode in ExchangeMode}
    assert marks.pop(ExchangeMode.LIVE) is None
    assert all(mark == f"{mode.upper()}: no real money" for mode, mark in marks.items())
    assert marks
