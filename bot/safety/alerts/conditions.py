"""Alerts of conditions that no audit entry tells: they are raised and cleared where they are
looked at."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from bot.state.scope import Scope
from models.alerts import raising
from models.alerts.words import Condition
from models.enums import AlertLevel


def not_flat(session: Session, scope: Scope, left: Sequence[str], now: datetime) -> None:
    """A flattening has not closed all positions in time. `left` is empty when the exchange can't
    be asked."""
    held = ", ".join(left) or "unknown positions"
    text = f"{scope} is not flat: {held} still held after flattening"
    condition = Condition(
        _flat_key(scope), AlertLevel.EMERGENCY, "not_flat", str(scope), text, lasting=True
    )
    raising.raise_alert(session, condition, chain=scope.chain, now=now)


def is_flat(session: Session, scope: Scope, now: datetime) -> None:
    """The flattening of a scope has ended."""
    raising.clear(session, _flat_key(scope), why="verified flat", now=now)


def _flat_key(scope: Scope) -> str:
    return f"{scope.chain}|not_flat|{scope}"
