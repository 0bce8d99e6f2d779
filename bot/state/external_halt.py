"""Somebody else acts on the account: an external halt, which stops entries until a person looks.

A cancel that mlrisk did not ask for and an order of others mean that a person, the watchdog or
another program works against us or beside us. New orders would fight it, and no limit counts what
it does. The breaker `external_halt` trips, which sets the account to REDUCING: exits go on.
"""

from datetime import datetime

from bot.state import breakers
from models.database import UnitOfWork
from models.enums import TradingState
from models.repositories.safety import states

KIND = "external_halt"
"""The kind of the breaker; stored, so never renamed."""
_NOBODY = ""


def by_cancel(
    uow: UnitOfWork, account: str, *, order_link_id: str, symbol: str, now: datetime
) -> bool:
    """Notes that somebody else cancelled a resting order of ours; returns whether the breaker
    tripped.

    Nothing trips while trading is halted. The halt's own cancel of every order looks the same, and
    entries are stopped anyway.
    """
    if _is_halted(uow, account, symbol):
        return False
    reason = f"somebody else cancelled our order {order_link_id} in {symbol}"
    found = breakers.Finding(KIND, order_link_id, "none", reason)
    return breakers.trip(uow, account, found, actor="exchange", now=now)


def by_orders(
    uow: UnitOfWork, account: str, order_ids: list[str], *, actor: str, now: datetime
) -> bool:
    """Notes orders of others that rest on the account; returns whether the breaker tripped."""
    text = ", ".join(order_ids)
    reason = f"orders of others rest on the account: {text}"
    found = breakers.Finding(KIND, text, "none", reason)
    return breakers.trip(uow, account, found, actor=actor, now=now)


def _is_halted(uow: UnitOfWork, account: str, symbol: str) -> bool:
    rows = states.applicable_states(uow.session, account, _NOBODY, symbol)
    halted = TradingState.HALTED.strictness
    return any(row.state.strictness >= halted for row in rows)
