"""The tightest of the stop prices that a position's trades have named."""

from decimal import Decimal

import pytest

from bot.safety.positions.trades import tightest_stop
from models.tables import TradeRequestRow


def entry(stop: str | None) -> TradeRequestRow:
    signal = {} if stop is None else {"stop_price": stop}
    return TradeRequestRow(payload={"signal_data": signal})


@pytest.mark.parametrize(
    ("stops", "sign", "tightest"),
    [
        ([], 1, None),
        ([None, None], 1, None),
        (["90", None, "95"], 1, Decimal(95)),
        (["110", "105"], -1, Decimal(105)),
    ],
)
def test_a_long_position_has_the_highest_stop_and_a_short_one_the_lowest(
    stops: list[str | None], sign: int, tightest: Decimal | None
) -> None:
    assert tightest_stop([entry(stop) for stop in stops], sign) == tightest
