"""A position on a desk, and a market that moves."""

from decimal import Decimal
from typing import Any

from tests.support.desk import Desk
from tests.support.fakes import PRICE

TICK = Decimal("0.1")


def enter(desk: Desk, request_id: str = "r-1", **changes: Any) -> None:
    """Decides, sends and books a trade."""
    desk.approve(request_id, **changes)
    desk.send_due()
    desk.stream()


def price(desk: Desk, factor: str) -> None:
    """The market and the exchange move to a multiple of the first price."""
    desk.market.touch = desk.exchange.touch = (PRICE * Decimal(factor)).quantize(TICK)
    desk.pass_time(1)
