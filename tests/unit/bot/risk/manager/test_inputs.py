"""The dictionaries of the original interface become the gate's inputs, with their assumptions."""

from typing import Any

import pytest

from bot.errors import BadMessage
from bot.risk.manager.inputs import Read, read
from models.enums import TradeSide
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

SIGNAL = {"side": "buy", "position_size": "3000"}


def taken(
    signal: dict[str, Any] | None = None, market: dict[str, Any] | None = None, **predictions: Any
) -> Read:
    return read(
        "BTCUSDT",
        SIGNAL if signal is None else signal,
        {"price": "30000"} if market is None else market,
        predictions,
        request_id="r-1",
        now=NOW,
        limits=cases.LIMITS,
        usual_volatility=None,
    )


@pytest.mark.parametrize(
    ("signal", "side"),
    [
        ({"action": "LONG"}, TradeSide.BUY),
        ({"direction": "short"}, TradeSide.SELL),
        ({"signal_strength": -0.4}, TradeSide.SELL),
        ({"side": "sell", "signal": "short"}, TradeSide.SELL),
    ],
)
def test_a_side_is_read_under_its_names_or_by_the_signals_sign(
    signal: dict[str, Any], side: TradeSide
) -> None:
    assert taken({**signal, "position_size": "1"}).intent.side is side


@pytest.mark.parametrize(
    "signal", [{"side": "up"}, {"side": "buy", "action": "sell"}, {}, {"signal_strength": 0}]
)
def test_without_one_clear_side_nothing_is_read(signal: dict[str, Any]) -> None:
    with pytest.raises(BadMessage, match="signal_data"):
        taken({**signal, "position_size": "1"})


def test_bid_and_ask_are_made_of_the_price_and_it_is_said() -> None:
    found = taken(market={"price": "30000", "spread_bps": 2})
    assert (found.market.bid, found.market.ask) == (D(29997), D(30003))
    assert any("derived from the price" in warning for warning in found.warnings)
    assert "depth" in found.not_asked


def test_without_any_price_quantities_are_in_quote_currency() -> None:
    found = taken(market={})
    assert 1 in (found.market.bid, found.market.ask)
    assert any("no price given" in warning for warning in found.warnings)


def test_every_error_is_told_at_once() -> None:
    with pytest.raises(BadMessage) as refused:
        taken({"side": "up"}, {"bid": "x", "bids": [1], "odd": 2}, confidence="high")
    fields = {error.field for error in refused.value.errors}
    assert fields >= {
        "signal_data.side",
        "signal_data.position_size",
        "market_data.bid",
        "market_data.bids",
        "market_data.odd",
        "ml_predictions.confidence",
    }


def test_a_score_under_two_names_is_refused_and_under_one_is_taken() -> None:
    assert taken(stability=0.7).intent.model.prediction_stability == 0.7
    with pytest.raises(BadMessage, match="stability"):
        taken(stability=0.7, prediction_stability=0.7)


@pytest.mark.parametrize("value", ["0", "-5"])
def test_a_portfolio_without_value_is_refused(value: str) -> None:
    with pytest.raises(BadMessage, match="portfolio_value"):
        taken(market={"price": "1", "portfolio_value": value})
