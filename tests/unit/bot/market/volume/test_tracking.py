"""Tracking errors: zero for a perfect schedule, blind to what was not known."""

import numpy as np
import pytest

from bot.market.volume.model import Outlook
from bot.market.volume.panel import FloatArray, IntArray, Panel
from bot.market.volume.tracking import (
    Prepared,
    TrackingWindows,
    Twap,
    tracking_errors,
    traded_shares,
)
from tests.unit.bot.market.volume.synthetic import FIRST_MINUTE, panel

WINDOWS = TrackingWindows(60)


class _Oracle:
    """Knows all volume: its schedule is the market's own."""

    def __init__(self, caution: float | None) -> None:
        self.caution = caution

    def outlook(self, history: Panel, symbol: str) -> Outlook:
        volume = history.volume[history.row(symbol)]

        def expect(minutes: IntArray, horizon_minutes: int) -> FloatArray:
            first = (minutes - history.first_minute)[:, None]
            coming: FloatArray = volume[first + np.arange(horizon_minutes)]
            return coming

        return expect


@pytest.mark.parametrize("caution", [None, 1.0])
def test_who_knows_the_volume_trades_at_the_vwap(caution: float | None) -> None:
    for errors in tracking_errors(_Oracle(caution), panel(1), FIRST_MINUTE, WINDOWS).values():
        assert errors == pytest.approx(0.0, abs=1e-6)


def test_there_is_an_order_every_quarter_of_an_hour_until_the_last_that_fits() -> None:
    errors = tracking_errors(Twap(), panel(1), FIRST_MINUTE, WINDOWS)
    assert {len(one) for one in errors.values()} == {(1440 - 60) // 15 + 1}


def test_twap_misses_by_the_difference_of_the_two_means() -> None:
    market = panel(1)
    price, volume = market.typical_price[0, :60], market.volume[0, :60]
    expected = price.mean() / ((price * volume).sum() / volume.sum()) * 10_000 - 10_000
    errors = tracking_errors(Twap(), market, FIRST_MINUTE, WINDOWS)
    assert errors[market.symbols[0]][0] == pytest.approx(expected)


@pytest.mark.parametrize("caution", [None, 1.5])
def test_shares_add_up_and_are_never_negative(caution: float | None) -> None:
    market = panel(1)
    outlook = Twap().outlook(market, market.symbols[0])
    shares = traded_shares(outlook, caution, np.array([FIRST_MINUTE]), market.volume[:1, :60])
    assert shares.sum(axis=1) == pytest.approx(1.0)
    assert (shares >= 0.0).all()


def test_a_window_that_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="no window"):
        tracking_errors(Twap(), panel(1), FIRST_MINUTE + 1400, WINDOWS)


def test_prepared_forecasts_serve_their_own_panel_only() -> None:
    prepared = Prepared(Twap(), panel(1))
    with pytest.raises(ValueError, match="another panel"):
        prepared.outlook(panel(1), "AAAUSDT")


def test_a_window_without_any_trade_has_no_error() -> None:
    market = panel(1)
    market.volume[:, :60] = 0.0
    errors = tracking_errors(Twap(), market, FIRST_MINUTE, TrackingWindows(60, 60))
    assert {len(one) for one in errors.values()} == {23}
