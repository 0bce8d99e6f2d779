"""The one way in which the trading state of a scope changes in the database.

`bot.risk.transitions` has the table of moves and the authority that each needs. This module asks
the table and writes the row. The caller holds the row's lock and writes the audit entry in the same
transaction.
"""

from datetime import datetime
from typing import Any

from bot.errors import NotAuthorised, Refused
from bot.risk.transitions import Transition, change
from models.enums import TradingState
from models.repositories.safety import states
from models.tables import TradingStateRow


def move(
    row: TradingStateRow,
    wanted: TradingState,
    *,
    reason: str,
    actor: str,
    now: datetime,
    authorised: bool = False,
) -> dict[str, Any]:
    """Moves a locked row; returns the facts for the audit entry.

    The answer is empty when the scope is in that state already. A row that was changed without
    mlrisk is written even so. `authorised` says that a person with the power to loosen asks. Raises
    NotAuthorised without one, and Refused for a move that does not exist.
    """
    transition = change(row.state, wanted, authorised=authorised)
    if transition.refused is not None:
        raise _refusal(transition, authorised=authorised)
    if not transition.changes and states.contradicted(row) is None:
        return {}
    return states.move(row, transition.after, reason=reason, actor=actor, now=now)


def tighten(
    row: TradingStateRow, wanted: TradingState, *, reason: str, actor: str, now: datetime
) -> dict[str, Any]:
    """As `move`, for an act that only stops: a stricter state stays as it is."""
    before = row.state
    at_least = max(before, wanted, key=lambda state: state.strictness)
    return move(row, at_least, reason=reason, actor=actor, now=now)


def undo(
    row: TradingStateRow, said: TradingState, *, reason: str, actor: str, now: datetime
) -> dict[str, Any]:
    """Sets a locked row that was changed without mlrisk back to the state that the audit says.

    This is no transition of its own, because the audit has the transition to that state. Raises
    Refused for a row that nobody has changed.
    """
    if states.contradicted(row) is None:
        raise Refused(f"{row.scope_kind} {row.scope_key} is the state in the audit")
    return states.move(row, said, reason=reason, actor=actor, now=now)


def _refusal(transition: Transition, *, authorised: bool) -> Refused:
    told = str(transition.refused)
    return Refused(told) if authorised else NotAuthorised(told)
