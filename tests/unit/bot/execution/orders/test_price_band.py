"""The venue's price band out of its ratios, mark, index and premium."""

from decimal import Decimal

import pytest

from bot.execution.orders.price_band import reach_bps, worst_allowed
from models.enums import TradeSide
from models.tables import InstrumentRow
from tests.unit.bot.risk.cases import market

D = Decimal
RULES = InstrumentRow(price_limit_x=D("0.01"), price_limit_y=D("0.02"))
BUY, SELL = TradeSide.BUY, TradeSide.SELL


@pytest.mark.parametrize(
    ("side", "index", "mid", "with_premium", "expected"),
    [
        (BUY, "1000", "1000", True, "1010"),
        (SELL, "1000", "1000", True, "990"),
        # The premium moves the band outwards only, and no further than Y.
        (BUY, "1000", "1005", True, "1015"),
        (BUY, "1000", "1005", False, "1010"),
        (BUY, "1000", "995", True, "1010"),
        (BUY, "1000", "1030", True, "1020"),
        (SELL, "1000", "995", True, "985"),
        (SELL, "1000", "1005", True, "990"),
        (SELL, "1000", "970", True, "980"),
        # The index opens it as well.
        (BUY, "1015", "1000", True, "1015"),
        (BUY, "1050", "1000", True, "1020"),
        (SELL, "985", "1000", False, "985"),
        (SELL, "950", "1000", False, "980"),
    ],
)
def test_the_band_follows_mark_index_and_premium(
    side: TradeSide, index: str, mid: str, with_premium: bool, expected: str
) -> None:
    view = market(mark=D(1000), index=D(index), bid=D(mid) - 1, ask=D(mid) + 1)
    assert worst_allowed(side, view, RULES, with_premium=with_premium) == D(expected)


def test_a_band_is_unknown_without_ratios_or_mark_and_no_book_is_no_premium() -> None:
    silent = InstrumentRow(price_limit_x=None, price_limit_y=None)
    assert worst_allowed(BUY, market(), silent, with_premium=True) is None
    assert worst_allowed(BUY, market(mark=None), RULES, with_premium=True) is None
    one_sided = market(mark=D(1000), index=None, bid=None, ask=D(1010))
    assert worst_allowed(BUY, one_sided, RULES, with_premium=True) == D(1010)


def test_the_reach_is_the_wider_ratio() -> None:
    assert reach_bps(RULES) == D(200)
    assert reach_bps(InstrumentRow(price_limit_y=None)) is None
