"""Trades at a price, and the exchange's word on their liquidation."""

from dataclasses import replace
from decimal import Decimal

from bot.exchange.protocol import ExchangePosition
from tests.support.desk import Desk


def trade(desk: Desk, request_id: str, side: str, price: str) -> None:
    """Buys or sells, filled at a price of the test's choosing."""
    desk.approve(request_id, side=side, signal_data={"position_size": "1000"})
    desk.send_due()
    fills = desk.exchange.fills
    fills[-1] = replace(fills[-1], price=Decimal(price))
    desk.stream()


def liquidated_at(desk: Desk, price: str) -> list[ExchangePosition]:
    """What the exchange says of the positions, with this liquidation price."""
    return [replace(p, liquidation_price=Decimal(price)) for p in desk.exchange.positions()]
