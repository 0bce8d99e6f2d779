"""The exact body of a create request: plain decimal strings, every choice explicit."""

import re
from collections.abc import Mapping
from decimal import Decimal

from bot.errors import Refused
from bot.exchange.bybit.config import BybitConfig
from bot.exchange.protocol import OrderIntent, OrderType, StopIntent, TimeInForce
from models.amounts import shortest
from models.enums import TradeSide

LINK_ID = re.compile(r"[A-Za-z0-9_-]{1,36}\Z")
_PLAIN = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?\Z")
"""The shortest form of a number, without the zeros that a column adds."""
_WHOLE = "0"
"""Bybit's quantity of an order that closes the whole position; it must be `reduceOnly` and
`closeOnTrigger`."""
_SIDES = {TradeSide.BUY: "Buy", TradeSide.SELL: "Sell"}


def plain(value: Decimal) -> str:
    """A decimal as Bybit wants it: no exponent, no sign, no trailing zeros. Its type keeps floats
    out."""
    if not isinstance(value, Decimal) or not value.is_finite() or value <= 0:
        raise Refused(f"not a positive decimal: {value!r}", code="bad_order")
    return shortest(value)


def order_body(intent: OrderIntent, config: BybitConfig) -> dict[str, object]:
    """The body that `place` sends; it is stored before it is sent."""
    if intent.closes_position and not intent.reduce_only:
        raise Refused("only a reducing order closes a whole position", code="bad_order")
    market = intent.order_type is OrderType.MARKET
    body: dict[str, object] = {
        "category": config.category,
        "symbol": intent.symbol,
        "side": _SIDES[intent.side],
        "orderType": intent.order_type.value,
        "qty": _WHOLE if intent.closes_position else plain(intent.qty),
    }
    if not market:
        if intent.price is None:
            raise Refused("a limit order needs a price", code="bad_order")
        body["price"] = plain(intent.price)
    body |= {
        "timeInForce": (TimeInForce.IOC if market else intent.time_in_force).value,
        "orderLinkId": intent.order_link_id,
        "positionIdx": 0,
        "reduceOnly": intent.reduce_only,
        # The flag may cancel other orders to free margin, which closing never needs.
        "closeOnTrigger": intent.closes_position,
        "smpType": config.smp_type,
    }
    if market and config.market_slippage_percent is not None:
        body["slippageToleranceType"] = "Percent"
        body["slippageTolerance"] = plain(config.market_slippage_percent)
    check(body)
    return body


def stop_body(intent: StopIntent, config: BybitConfig) -> dict[str, object]:
    """The body of a stop that closes the whole position when the mark reaches its price.

    With a quantity of 0 the stop follows the position's size. It may cancel other orders to free
    margin (`closeOnTrigger`), because closing goes before everything else.
    """
    body: dict[str, object] = {
        "category": config.category,
        "symbol": intent.symbol,
        "side": _SIDES[intent.side],
        "orderType": OrderType.MARKET.value,
        "qty": _WHOLE,
        "triggerPrice": plain(intent.trigger_price),
        # A long is closed when the price falls (2), a short when it rises (1).
        "triggerDirection": 2 if intent.side is TradeSide.SELL else 1,
        "triggerBy": "MarkPrice",
        "timeInForce": TimeInForce.IOC.value,
        "orderLinkId": intent.order_link_id,
        "positionIdx": 0,
        "reduceOnly": True,
        "closeOnTrigger": True,
        "smpType": config.smp_type,
    }
    check(body)
    return body


def check(body: Mapping[str, object]) -> None:
    """Refuses a body that pybit or the wire would change in meaning; nothing is sent then."""
    link_id = body.get("orderLinkId")
    if not isinstance(link_id, str) or not LINK_ID.match(link_id):
        raise Refused("orderLinkId must be 1 to 36 of A-Z a-z 0-9 _ -", code="bad_order")
    for field in ("qty", "price", "slippageTolerance", "triggerPrice"):
        value = body.get(field)
        if field not in body and field != "qty":
            continue
        if not isinstance(value, str) or not _PLAIN.match(value):
            raise Refused(f"{field} must be a plain decimal string", code="bad_order")
    closes = (body["qty"] == _WHOLE, body.get("closeOnTrigger") is True)
    if any(closes) and not (all(closes) and body.get("reduceOnly") is True):
        raise Refused(
            "a quantity of 0 closes a whole position: with reduceOnly and closeOnTrigger, which "
            "go with no other",
            code="bad_order",
        )
    if any(isinstance(value, float) for value in body.values()):
        raise Refused("no float goes to the exchange", code="bad_order")
