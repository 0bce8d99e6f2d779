"""What the ledger says of a time: the worth by check, and one line for a report."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from bot.gate_value.attribution import Blocker
from bot.gate_value.figures import BlockValue, GroupBy, JudgedBlock, ValueFinding, block_values
from bot.gate_value.sentences import sentence
from models.repositories import gate_values
from models.tables import GateValueRow


@dataclass(frozen=True, slots=True)
class LedgerSummary:
    """The worth of the blocks of a time; `since` is the first decision of it."""

    since: datetime
    until: datetime
    judged: int
    not_judged: int
    """Blocks whose horizon is not over, or that nobody has judged."""
    values: tuple[BlockValue, ...]
    """The dearest first."""


def summary(
    session: Session, since: datetime, until: datetime, by: GroupBy = GroupBy.CHECK
) -> LedgerSummary:
    """The worth of the blocks that were decided in [since, until)."""
    first = gate_values.first_decision(session, since)
    start = until if first is None else min(first, until)
    rows = gate_values.between(session, start, until)
    values = block_values(map(_block, rows), by, start, until) if start < until else ()
    missing = max(0, gate_values.blocked(session, start, until) - len(rows))
    return LedgerSummary(start, until, len(rows), missing, values)


def daily_line(session: Session, since: datetime, until: datetime) -> str:
    """One line for a report: what may be said about each check, or that nothing may."""
    found = summary(session, since, until)
    said = [sentence(each) for each in found.values if each.finding is not ValueFinding.UNCLEAR]
    known = sum(each.blocks for each in found.values)
    if said:
        return "Value of blocks: " + "; ".join(said) + "."
    if not found.judged:
        return "Value of blocks: no block has been judged."
    return (
        f"Value of blocks: {found.judged} blocks judged, {known} parts of known worth; no check is "
        "distinguishable from zero."
    )


def _block(row: GateValueRow) -> JudgedBlock:
    return JudgedBlock(
        decided_at=row.decided_at,
        known_at=row.known_at,
        strategy=row.strategy,
        symbol=row.symbol,
        blockers=tuple(map(Blocker, row.blockers, row.shares)),
        profit=row.profit,
        profit_bps=row.profit_bps,
        not_valued=row.not_valued,
    )
