"""Open positions with their protective stops and distances, as facts and as lines."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from models.enums import StopState
from models.repositories.safety import stops, watching
from models.tables import PositionRow, ProtectiveStopRow


def open_positions(session: Session, account: str) -> list[dict[str, Any]]:
    """Each open position of the account, by symbol. Distances are shares of the mark, and negative
    beyond their price."""
    # Of a symbol's stops the newest that rests counts, and without one the newest.
    kept = sorted(
        stops.open_stops(session, account), key=lambda stop: stop.state is StopState.RESTING
    )
    newest = {stop.symbol: stop for stop in kept}
    return [
        _facts(position, newest.get(position.symbol))
        for position in watching.open_positions(session, account)
    ]


def line_of(facts: Mapping[str, Any]) -> str:
    """One position in a line for people."""
    parts = [f"{facts['symbol']}: {_plain(facts['qty'])}"]
    if facts["entry_price"] is not None:
        parts[0] += f" at {_plain(facts['entry_price'])}"
    if facts["mark_price"] is not None:
        parts.append(f"mark {_plain(facts['mark_price'])}")
    stop = facts["stop"]
    if stop is None:
        parts.append("no stop at the exchange")
    else:
        away = _away(facts["stop_distance"])
        parts.append(f"stop {stop['state']} at {_plain(stop['trigger_price'])}{away}")
    if facts["liquidation_price"] is not None:
        away = _away(facts["liquidation_distance"])
        parts.append(f"liquidation at {_plain(facts['liquidation_price'])}{away}")
    return ", ".join(parts)


def _facts(position: PositionRow, stop: ProtectiveStopRow | None) -> dict[str, Any]:
    return {
        "symbol": position.symbol,
        "qty": position.qty,
        "entry_price": position.entry_price,
        "mark_price": position.mark_price,
        "opened_at": position.opened_at,
        "stop": None if stop is None else _stop(stop),
        "stop_distance": None if stop is None else _distance(position, stop.trigger_price),
        "liquidation_price": position.liquidation_price,
        "liquidation_distance": _distance(position, position.liquidation_price),
    }


def _stop(stop: ProtectiveStopRow) -> dict[str, Any]:
    return {
        "order_link_id": stop.order_link_id,
        "state": stop.state.value,
        "trigger_price": stop.trigger_price,
        "confirmed_at": stop.confirmed_at,
        "seen_at": stop.seen_at,
    }


def _distance(position: PositionRow, price: Decimal | None) -> Decimal | None:
    if price is None or not position.mark_price:
        return None
    sign = 1 if position.qty > 0 else -1
    return (position.mark_price - price) * sign / position.mark_price


def _away(distance: Decimal | None) -> str:
    return "" if distance is None else f" ({distance:.2%} away)"


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
