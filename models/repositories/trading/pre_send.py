"""The data of the pre-send check, in one statement, because it is read under the order's locks for
every child and at every step of an entry."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.enums import Verdict
from models.repositories.safety.states import GLOBAL_KEY, STATES, state_row
from models.repositories.strategies import STAGE, UNKNOWN, KnownStage, of_facts
from models.repositories.trading.snapshot_parts import (
    BREAKERS,
    FITNESS,
    INSTRUMENT,
    LEASE,
    breaker_row,
    instrument_row,
)
from models.repositories.trading.snapshot_query import held_side
from models.tables import BreakerRow, InstrumentRow, ParentOrderRow, TradingStateRow


@dataclass(frozen=True, slots=True)
class Approval:
    """The decision of a parent."""

    verdict: Verdict
    approved_qty: Decimal
    decided_at: datetime


@dataclass(slots=True)
class PreSendFacts:
    """The stored facts that may stop a child; None for a missing row."""

    states: list[TradingStateRow] = field(default_factory=list)
    """The trading states of the scopes that apply. A scope without a row is ACTIVE; the global one
    must have a row."""
    breakers: list[BreakerRow] = field(default_factory=list)
    """The tripped breakers of the scopes and of the side that apply."""
    approval: Approval | None = None
    fitness: tuple[bool, str, datetime] | None = None
    """Whether the account may trade, why not, and when that was asked."""
    lease: tuple[Sequence[str], Sequence[Decimal | None]] | None = None
    """The words and numbers of the lease to trade, as `LEASE` gives them."""
    renewed_at: datetime | None = None
    """The time of the lease's last renewal."""
    stage: KnownStage = UNKNOWN
    """The stage of the parent's strategy."""
    instrument: InstrumentRow | None = None
    exit_under_way: bool = False
    """Whether an emergency exit of this symbol is being worked, or one that closes all of a
    position."""


def read(session: Session, parent: ParentOrderRow) -> PreSendFacts:
    """Reads the facts as of the statement's start; the parent's lock must be held before."""
    found = PreSendFacts()
    for what, words, numbers, at in session.execute(_STATEMENT, _parameters(parent)):
        _take(found, what, words, numbers, at)
    return found


def _parameters(parent: ParentOrderRow) -> Mapping[str, object]:
    return {
        "request_id": parent.request_id,
        "account": parent.account,
        "strategy": parent.strategy,
        "symbol": parent.symbol,
        "held_side": held_side(parent.side),
        "everything": GLOBAL_KEY,
    }


def _take(
    found: PreSendFacts, what: str, words: Sequence[str], numbers: Sequence[Decimal], at: datetime
) -> None:
    match what:
        case "state":
            found.states.append(state_row(words, numbers))
        case "breaker":
            found.breakers.append(breaker_row(words))
        case "approval":
            found.approval = Approval(Verdict(words[0]), numbers[0], at)
        case "fitness":
            found.fitness = (words[0] == "true", words[1], at)
        case "lease":
            found.lease, found.renewed_at = (words, numbers), at
        case "stage":
            found.stage = of_facts(words, numbers)
        case "instrument":
            found.instrument = instrument_row(words, numbers, at)
        case "exit":
            found.exit_under_way = True


# Each part gives (what, words, numbers, at), as in `models.repositories.trading.snapshot_query`.
# It reads three columns of the decision only: its record is large.
_STATEMENT = text(
    f"""
{STATES}
    UNION ALL
{BREAKERS}
    UNION ALL
    SELECT 'approval', ARRAY[verdict], ARRAY[approved_qty], decided_at
      FROM decision WHERE request_id = :request_id
    UNION ALL
{FITNESS}
    UNION ALL
{LEASE}
    UNION ALL
{STAGE}
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
