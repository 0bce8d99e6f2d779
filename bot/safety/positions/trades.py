"""What the strategies have said about a position: their stop prices and their confidence."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from sqlalchemy.orm import Session

from bot.safety.positions.conditions import Confidence, better
from models.repositories.safety import watching
from models.tables import TradeRequestRow


def tightest_stop(entries: Sequence[TradeRequestRow], sign: int) -> Decimal | None:
    """The tightest stop price of these trades; None when none has one."""
    found: Decimal | None = None
    for entry in entries:
        said = entry.payload["signal_data"].get("stop_price")
        if said is not None:
            price = Decimal(str(said))
            found = price if found is None else better(sign, found, price)
    return found


def confidences(session: Session, entries: Sequence[TradeRequestRow]) -> tuple[Confidence, ...]:
    """Each strategy's confidence at its newest entry and since then, where both are known."""
    newest: dict[str, TradeRequestRow] = {}
    for entry in entries:
        newest.setdefault(entry.strategy, entry)
    found = (_confidence(session, entry) for entry in newest.values())
    return tuple(each for each in found if each is not None)


def _confidence(session: Session, entry: TradeRequestRow) -> Confidence | None:
    at_entry = _said(entry.payload["ml_predictions"])
    if at_entry is None:
        return None
    since = watching.newest_prediction(session, entry, after=entry.received_at)
    now = None if since is None else _said(since)
    return None if now is None else Confidence(entry.strategy, at_entry, now)


def _said(predictions: dict[str, Any]) -> float | None:
    confidence = predictions.get("confidence")
    return None if confidence is None else float(confidence)
