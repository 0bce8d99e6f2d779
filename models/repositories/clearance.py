"""Everything that the last check before sending reads, in one statement: it is asked under the
locks of the order, for every child."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.enums import Verdict
from models.repositories.facts import INSTRUMENT, instrument_row
from models.repositories.states import GLOBAL_KEY, STATES, state_row
from models.tables import InstrumentRow, ParentOrderRow, TradingStateRow


@dataclass(frozen=True, slots=True)
class Approval:
    """What the decision of a parent said."""

    verdict: Verdict
    approved_qty: Decimal
    decided_at: datetime


@dataclass(slots=True)
class Clearance:
    """What is stored that may keep a child from going out; None: there is no such row."""

    states: list[TradingStateRow] = field(default_factory=list)
    """Of the scopes that apply; a scope without a row is ACTIVE, but global must have one."""
    approval: Approval | None = None
    instrument: InstrumentRow | None = None
    exit_under_way: bool = False
    """An exit of this symbol is being worked that overtakes everything else, or that closes all of
    a position and with it what would be added meanwhile."""


def read(session: Session, parent: ParentOrderRow) -> Clearance:
    """As of the statement's start: the parent's lock must be held before it."""
    found = Clearance()
    for what, words, numbers, at in session.execute(_STATEMENT, _parameters(parent)):
        _take(found, what, words, numbers, at)
    return found


def _parameters(parent: ParentOrderRow) -> Mapping[str, object]:
    return {
        "request_id": parent.request_id,
        "account": parent.account,
        "strategy": parent.strategy,
        "symbol": parent.symbol,
        "everything": GLOBAL_KEY,
    }


def _take(
    found: Clearance, what: str, words: Sequence[str], numbers: Sequence[Decimal], at: datetime
) -> None:
    match what:
        case "state":
            found.states.append(state_row(words, numbers))
        case "approval":
            found.approval = Approval(Verdict(words[0]), numbers[0], at)
        case "instrument":
            found.instrument = instrument_row(words, numbers, at)
        case "exit":
            found.exit_under_way = True


# Each part gives (what, words, numbers, at), as in `models.repositories.facts`. Of the decision
# three columns only: its record is large.
_STATEMENT = text(
    f"""
{STATES}
    UNION ALL
    SELECT 'approval', ARRAY[verdict], ARRAY[approved_qty], decided_at
      FROM decision WHERE request_id = :request_id
    UNION ALL
{INSTRUMENT}
    UNION ALL
    (SELECT 'exit', NULL, NULL, NULL
      FROM parent_order
      WHERE state = 'working' AND account = :account AND symbol = :symbol AND reduce_only
        AND (priority = 'emergency' OR params @> '{{"closes_position": true}}')
      LIMIT 1)
    """
)
