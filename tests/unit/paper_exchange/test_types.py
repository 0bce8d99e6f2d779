"""The shared types refuse what cannot be, and convert exactly."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.types import Bar, InstrumentSpec, Reject

D = Decimal


def test_ticks_and_steps_are_prices_and_quantities() -> None:
    facts: dict[str, Any] = dict.fromkeys(
        ("min_qty", "max_limit_qty", "max_market_qty", "min_notional"), D(1)
    )
    spec = InstrumentSpec("linear", "BTCUSDT", "BTC", "USDT", D("0.1"), D("0.001"), **facts)
    assert (spec.price(123), spec.qty(7)) == (D("12.3"), D("0.007"))
    assert spec.key == ("linear", "BTCUSDT")


@pytest.mark.parametrize(
    "figures",
    [
        (0, 5, 4, 6, 5, 1, 5),
        (0, 5, 6, 0, 5, 1, 5),
        (0, 7, 6, 4, 5, 1, 5),
        (0, 5, 6, 4, 5, -1, 0),
        (0, 5, 6, 4, 5, 2, 7),
        (0, 5, 6, 4, 5, 2, 13),
    ],
)
def test_figures_that_make_no_bar_are_refused(figures: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"not a bar|do not belong together"):
        Bar(*figures)
    assert Bar(0, 5, 6, 4, 5, 2, 8).volume == 2


def test_a_refusal_carries_bybits_code_and_text() -> None:
    refusal = Reject(10001, "params error")
    assert (refusal.ret_code, refusal.ret_msg, str(refusal)) == (
        *(10001, "params error", "10001: params error"),
    )
