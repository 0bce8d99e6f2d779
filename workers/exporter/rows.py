"""The counted rows of Postgres: decisions, trades, orders, predictions, refused messages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from models.enums import EndCause, Verdict
from models.repositories.figures import UNRECORDED
from models.repositories.trading import tallies
from models.tables import BreakerTripRow
from workers.exporter import catalogue as c
from workers.exporter.ledger import SETTLED_AFTER, Axis, Ledger, edges_of
from workers.exporter.metric import Figures, Metric, add, of_bucket

NO_CODE = "none"
"""Stands for the retCode of an order that the exchange did not refuse."""
_Groups = Iterable[Sequence[Any]]


def _place(metric: Metric, reached: int) -> int:
    """The bucket of a value that `reached` so many bounds do not lie below."""
    return len(metric.buckets) - reached


def _decisions(groups: _Groups) -> Figures:
    found: Figures = {}
    for verdict, reasons, blamed, level, reached, count, confidence in groups:
        add(found, c.DECISIONS, (count,), verdict)
        add(found, c.RISK_LEVELS, (count,), level or UNRECORDED)
        if reached is not None:
            numbers = of_bucket(
                c.CONFIDENCE, _place(c.CONFIDENCE, reached), count, float(confidence)
            )
            add(found, c.CONFIDENCE, numbers, verdict)
        if verdict == Verdict.DENY:
            for reason in set(reasons):
                add(found, c.BLOCKS, (count,), reason)
            for check in set(blamed):
                add(found, c.BLAMED, (count,), check)
    return found


DECIDED = Axis(
    "decisions",
    text(
        "SELECT decided_at FROM decision_figures WHERE decided_at >= :since "
        "ORDER BY decided_at OFFSET :piece LIMIT 1"
    ),
    text(
        """
        SELECT verdict, reasons, blamed, risk_level,
            width_bucket(-confidence, CAST(:confidence AS float8[])) AS reached,
            count(*), sum(confidence)
          FROM decision_figures WHERE decided_at >= :since AND decided_at < :until
          GROUP BY 1, 2, 3, 4, 5
        """
    ),
    _decisions,
    {"confidence": edges_of(c.CONFIDENCE.buckets)},
)


def _trades(groups: _Groups) -> Figures:
    found: Figures = {}
    for group in groups:
        algorithm, strategy, side, state, cause, lasted, slipped, count, seconds, share = group[:10]
        paid, gained, filled = map(float, group[10:])
        none_left = cause == EndCause.NOTHING_TO_REDUCE
        outcome = EndCause.NOTHING_TO_REDUCE.value if none_left else state
        add(found, c.TRADES, (count,), algorithm, outcome)
        add(found, c.STRATEGY_TRADES, (count,), strategy, outcome)
        if lasted is not None:
            place = _place(c.EXECUTION, lasted)
            add(
                found,
                c.EXECUTION,
                of_bucket(c.EXECUTION, place, count, float(seconds)),
                algorithm,
            )
        if slipped is not None:
            place = _place(c.SLIPPAGE, slipped)
            add(found, c.SLIPPAGE, of_bucket(c.SLIPPAGE, place, count, float(share)), side)
            add(found, c.PAID, (paid,))
            add(found, c.GAINED, (gained,))
            add(found, c.FILLED, (filled,))
    return found


TRADED = Axis(
    "trades",
    text(
        "SELECT finished_at FROM parent_order WHERE finished_at >= :since "
        "ORDER BY finished_at OFFSET :piece LIMIT 1"
    ),
    text(
        """
        SELECT algorithm, strategy, side, state, end_cause,
            width_bucket(-lasted, CAST(:lasted AS float8[])) AS took,
            width_bucket(-slipped, CAST(:slipped AS float8[])) AS cost,
            count(*), sum(lasted), sum(slipped), coalesce(sum(greatest(paid, 0)), 0),
            coalesce(sum(greatest(-paid, 0)), 0), sum(decided)
          FROM (
            SELECT algorithm, strategy, side, state, end_cause,
                CASE WHEN state = 'completed'
                  THEN extract(epoch FROM finished_at - start_at)::float8 END AS lasted,
                CASE WHEN decided > 0 THEN (paid / decided)::float8 END AS slipped,
                paid, decided
              FROM (
                SELECT *, filled_qty * reference_price AS decided,
                    CASE WHEN side = 'buy' THEN filled_notional - filled_qty * reference_price
                      ELSE filled_qty * reference_price - filled_notional END AS paid
                  FROM parent_order WHERE finished_at >= :since AND finished_at < :until
              ) AS costed
          ) AS ended
          GROUP BY 1, 2, 3, 4, 5, 6, 7
        """
    ),
    _trades,
    {"lasted": edges_of(c.EXECUTION.buckets), "slipped": edges_of(c.SLIPPAGE.buckets)},
)


def _sent(groups: _Groups) -> Figures:
    found: Figures = {}
    for late, waited, count, lateness, answer in groups:
        numbers = of_bucket(c.LATENESS, _place(c.LATENESS, late), count, float(lateness))
        add(found, c.LATENESS, numbers)
        if waited is not None:
            place = _place(c.ANSWERED, waited)
            add(found, c.ANSWERED, of_bucket(c.ANSWERED, place, count, float(answer)))
    return found


SENT = Axis(
    "orders sent",
    text(
        "SELECT sent_at FROM child_order WHERE account = :account AND sent_at >= :since "
        "ORDER BY sent_at OFFSET :piece LIMIT 1"
    ),
    text(
        """
        SELECT width_bucket(-late, CAST(:late AS float8[])) AS lateness,
            width_bucket(-waited, CAST(:waited AS float8[])) AS answer,
            count(*), sum(late), sum(waited)
          FROM (
            SELECT extract(epoch FROM sent_at - planned_at)::float8 AS late,
                extract(epoch FROM acked_at - sent_at)::float8 AS waited
              FROM child_order
              WHERE account = :account AND sent_at >= :since AND sent_at < :until
          ) AS sent
          GROUP BY 1, 2
        """
    ),
    _sent,
    {"late": edges_of(c.LATENESS.buckets), "waited": edges_of(c.ANSWERED.buckets)},
)


def _ended(groups: _Groups) -> Figures:
    found: Figures = {}
    for state, code, reason, count in groups:
        add(found, c.ORDERS_ENDED, (count,), state)
        add(found, c.RET_CODES, (count,), NO_CODE if code is None else str(code))
        if reason is not None:
            add(found, c.VENUE_REASONS, (count,), reason)
    return found


ENDED = Axis(
    "orders ended",
    text(
        "SELECT final_at FROM child_order WHERE final_at >= :since AND sent_at IS NOT NULL "
        "ORDER BY final_at OFFSET :piece LIMIT 1"
    ),
    text(
        "SELECT state, ret_code, venue_reason, count(*) FROM child_order "
        "WHERE final_at >= :since AND final_at < :until AND sent_at IS NOT NULL GROUP BY 1, 2, 3"
    ),
    _ended,
)


def _settled(groups: _Groups) -> Figures:
    found: Figures = {}
    for strategy, model, outcome, count, stated, errors in groups:
        known = outcome is not None
        word = c.VOID if not known else c.RIGHT if outcome else c.WRONG
        add(found, c.MODEL_OUTCOMES, (count,), strategy, model, word)
        if known:
            add(found, c.MODEL_STATED, (float(stated),), strategy, model)
            add(found, c.MODEL_ERRORS, (float(errors),), strategy, model)
    return found


SETTLED = Axis(
    "predictions",
    text(
        "SELECT settled_at FROM prediction WHERE settled_at >= :since "
        "ORDER BY settled_at OFFSET :piece LIMIT 1"
    ),
    text(
        """
        SELECT strategy, model_version, outcome, count(*), sum(stated),
            sum((stated - outcome) * (stated - outcome))
          FROM prediction WHERE settled_at >= :since AND settled_at < :until GROUP BY 1, 2, 3
        """
    ),
    _settled,
)


def _refused(groups: _Groups) -> Figures:
    found: Figures = {}
    for kind, count in groups:
        add(found, c.REFUSED, (float(count),), kind)
    return found


REFUSED = Axis(
    "refused messages",
    text(
        "SELECT minute FROM refused_messages WHERE minute >= :since "
        "ORDER BY minute OFFSET :piece LIMIT 1"
    ),
    text(
        "SELECT kind, sum(count) FROM refused_messages "
        "WHERE minute >= :since AND minute < :until GROUP BY kind"
    ),
    _refused,
)

# A literal, so that Postgres can use the partial index of rare kinds.
_HALTS = text("SELECT count(*) FROM audit_entry WHERE kind = 'halted'")

AXES = (DECIDED, TRADED, SENT, ENDED, SETTLED, REFUSED)


@dataclass
class CountedRows:
    """All counted figures of one account's database."""

    account: str
    settled_after: timedelta = SETTLED_AFTER
    _ledgers: tuple[Ledger, ...] = field(init=False)

    def __post_init__(self) -> None:
        self._ledgers = tuple(Ledger(axis, self.account, self.settled_after) for axis in AXES)

    def read(self, session: Session, now: datetime) -> Figures:
        """The figures now; every counter is there, also while it is 0."""
        found = _zeros()
        for ledger in self._ledgers:
            found.update(ledger.read(session, now))
        _tallied(session, found)
        _rare(session, found)
        return found


def _zeros() -> Figures:
    """A rate needs a first value: the counters that are asked for before their first row."""
    found: Figures = {(c.DECISIONS, (verdict.value,)): (0.0,) for verdict in Verdict}
    found.update({(metric, ()): (0.0,) for metric in (c.STOPS, c.PAID, c.GAINED, c.FILLED)})
    for metric in (c.LATENESS, c.ANSWERED):
        found[metric, ()] = (0.0,) * (len(metric.buckets) + 2)
    return found


_TALLIED = {"trade_request": c.REQUESTS, "parent_order": c.PARENTS, "child_order": c.CHILDREN}


def _tallied(session: Session, into: Figures) -> None:
    """Counts by state, which triggers keep."""
    counted = tallies.counts(session)
    for name, metric in _TALLIED.items():
        (label,) = metric.labels
        into.update({(metric, (value,)): (0.0,) for value in label.values})
        for value, count in counted.get(name, {}).items():
            add(into, metric, (count,), value)
    for source, count in counted.get("fill", {}).items():
        add(into, c.FILLS, (count,), source)


def _rare(session: Session, into: Figures) -> None:
    """Rows of which there are few."""
    trips = session.execute(select(BreakerTripRow.kind, func.count()).group_by(BreakerTripRow.kind))
    for kind, count in trips:
        add(into, c.TRIPS, (count,), kind)
    add(into, c.STOPS, (session.execute(_HALTS).scalar_one(),))
