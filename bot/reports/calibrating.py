"""Reads what a calibration of the limits goes by: decisions, the ledger of blocks, and trips."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from sqlalchemy import literal, select, tuple_
from sqlalchemy.orm import Session

from bot.gate_value.summary import summary
from bot.reports.calibration import (
    LimitReadings,
    Proposal,
    Reviewed,
    ReviewedBreaker,
    review,
    review_breakers,
)
from bot.risk.checks.registry import CHECKS
from bot.risk.codec import to_json
from bot.risk.limits import RiskLimits
from bot.safety.breakers.past_trips import trips_of
from bot.safety.breakers.quality import qualities
from bot.safety.stress_load import STRATEGIES
from config.declaration import Declaration, declarations
from models.enums import CheckStatus, Verdict
from models.tables import BreakerRow, DecisionFiguresRow, DecisionRow

MOST_DECISIONS = 5_000
"""The newest decisions that are read: some 20 kB each."""
_BATCH = 200


@dataclass(frozen=True, slots=True)
class Calibration:
    """The review of all limits of the gate over [since, until), and of the breakers."""

    account: str
    since: datetime
    until: datetime
    decisions: int
    first_decision_at: datetime | None
    """Of those that were read: the newest ones."""
    limits: tuple[Reviewed, ...]
    breakers: tuple[ReviewedBreaker, ...]

    def counts(self) -> dict[str, int]:
        """The limits and breakers by proposal."""
        every = [each.proposal for each in self.limits]
        every += [each.proposal for each in self.breakers]
        return {proposal.value: every.count(proposal) for proposal in Proposal}


def calibrate(
    session: Session, account: str, limits: RiskLimits, since: datetime, until: datetime
) -> Calibration:
    """Reviews each limit by the decisions that were made under its value in force. Stress tests are
    left out."""
    readings, count, first = _readings(session, account, limits, since, until)
    worths = {each.name: each for each in summary(session, since, until).values}
    by_limit = {check.limit: check.rule.name for check in CHECKS if check.limit}

    def reviewed(declared: Declaration) -> Reviewed:
        name = by_limit.get(declared.name, "")
        read = readings.get(name, LimitReadings())
        return review(declared, getattr(limits, declared.name), name, read, worths.get(name))

    found = tuple(reviewed(declared) for declared in declarations(RiskLimits))
    trips = qualities(trips_of(session, account, since, until), since, until)
    kinds = session.scalars(select(BreakerRow.kind).distinct()).all()
    breakers = tuple(review_breakers(kinds, trips))
    return Calibration(account, since, until, count, first, found, breakers)


def _readings(
    session: Session, account: str, limits: RiskLimits, since: datetime, until: datetime
) -> tuple[Mapping[str, LimitReadings], int, datetime | None]:
    rules = {check.rule.name: (check.rule.sense, check.limit) for check in CHECKS}
    found = {name: LimitReadings() for name in rules}
    in_force, count, first = to_json(limits), 0, None
    for row in islice(_newest(session, account, since, until), MOST_DECISIONS):
        count, first = count + 1, row.decided_at
        decided = _deciding(row.decision, row.verdict, row.blamed)
        for check in row.decision["checks"]:
            name = check["name"]
            if name not in rules or check["status"] == CheckStatus.SKIPPED:
                continue
            sense, key = rules[name]
            if key and row.limits.get(key) != in_force.get(key):
                continue  # Another value was in force.
            found[name].note(check, sense, decided=name == decided)
    return found, count, first


def _newest(session: Session, account: str, since: datetime, until: datetime) -> Iterator[Any]:
    """Decisions, the newest first, never all in memory. Each batch is a statement of its own."""
    figures, decision = DecisionFiguresRow, DecisionRow
    last: tuple[datetime, str] | None = None
    while True:
        asked = (
            select(
                decision.request_id,
                decision.decision,
                decision.limits,
                decision.verdict,
                decision.decided_at,
                figures.blamed,
            )
            .join(figures, figures.request_id == decision.request_id)
            .where(
                decision.account == account,
                decision.decided_at >= since,
                decision.decided_at < until,
                decision.intent["strategy"].astext.not_in(STRATEGIES),
            )
        )
        if last is not None:
            place = tuple_(decision.decided_at, decision.request_id)
            asked = asked.where(place < tuple_(literal(last[0]), literal(last[1])))
        newest_first = (decision.decided_at.desc(), decision.request_id.desc())
        rows = session.execute(asked.order_by(*newest_first).limit(_BATCH)).all()
        yield from rows
        if len(rows) < _BATCH:
            return
        last = rows[-1].decided_at, rows[-1].request_id


def _deciding(decision: Mapping[str, Any], verdict: str, blamed: list[str]) -> str | None:
    """The check that decided alone: the only one that denied, or the one that set the size."""
    if verdict == Verdict.DENY:
        return blamed[0] if len(blamed) == 1 else None
    capped_by = decision.get("capped_by")
    return None if capped_by is None else str(capped_by)
