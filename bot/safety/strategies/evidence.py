"""The record of a strategy at its present stage: decisions, outcomes, slippage, days, drill."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.safety.breakers.readings import BreakerKind
from bot.safety.strategies.demands import Performance, Trips
from models.enums import CircuitBreakerType
from models.repositories.strategies import subject_of
from models.tables import StrategyRow
from models.tables.decisions import ASKS_EXIT

_SECONDS_A_DAY = 86_400
_DECISIONS = text(
    f"""
    SELECT count(*), count(*) FILTER (WHERE figures.verdict <> 'deny'),
        count(*) FILTER (WHERE figures.reasons = ARRAY['strategy_stage'])
      FROM trade_request JOIN decision_figures AS figures USING (request_id)
      WHERE account = :account AND strategy = :strategy AND received_at >= :since
        AND NOT {ASKS_EXIT}
    """
)
_REASONS = text(
    f"""
    SELECT reason, count(*)
      FROM trade_request JOIN decision_figures AS figures USING (request_id),
        unnest(figures.reasons) AS reason
      WHERE account = :account AND strategy = :strategy AND received_at >= :since
        AND NOT {ASKS_EXIT} AND reason <> 'strategy_stage'
      GROUP BY reason ORDER BY count(*) DESC, reason LIMIT 3
    """
)
_OUTCOMES = text(
    """
    SELECT count(*), count(*) FILTER (WHERE outcome = 1), avg(stated)
      FROM prediction
      WHERE account = :account AND strategy = :strategy AND predicted_at >= :since
        AND outcome IS NOT NULL
    """
)
_SLIPPAGE = text(
    """
    SELECT count(*), sum((filled_notional - filled_qty * reference_price)
          * CASE side WHEN 'buy' THEN 1 ELSE -1 END),
        sum(filled_qty * reference_price)
      FROM parent_order
      WHERE account = :account AND strategy = :strategy AND start_at >= :since
        AND filled_qty > 0 AND NOT reduce_only
    """
)
_TRIPS = text(
    """
    SELECT count(*) FROM breaker_trip
      WHERE scope_kind = 'strategy' AND scope_key = :strategy AND tripped_at >= :since
    """
)
MODEL_TRIP = CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED.value
LOSS_TRIPS = (BreakerKind.DAILY_LOSS.value, BreakerKind.STREAK.value)
"""The breakers of a strategy that its losses trip."""
_FALLS = text(
    """
    SELECT count(*) FILTER (WHERE kind = :model), count(*) FILTER (WHERE kind = ANY(:losses))
      FROM breaker_trip
      WHERE scope_kind = 'strategy' AND scope_key = :strategy AND tripped_at > :since
    """
)
_FALLEN = text(
    """
    SELECT DISTINCT scope_key FROM breaker_trip
      WHERE scope_kind = 'strategy' AND tripped_at >= :since AND kind = ANY(:kinds)
      ORDER BY scope_key
    """
)
_DRILL = text(
    """
    SELECT max(at) FROM audit_entry WHERE kind = 'halt_sealed' AND subject = :subject
    """
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """The record of one strategy since it came to its stage. Exits are left out."""

    since: datetime
    days: float
    decisions: int
    approved: int
    only_staged: int
    """Denied by the stage alone: they would have been sent."""
    blocked_by: tuple[tuple[str, int], ...]
    """The most frequent other reasons of denials."""
    outcomes: int
    """Predictions with a known outcome."""
    right: int
    stated: float | None
    """The mean probability that the model stated for them."""
    trades: int
    """Entries with fills."""
    slippage_bps: Decimal | None
    """Their average price against the decisions' prices, by notional; positive costs. None
    without fills."""
    trips: int
    """Trips of the strategy's breakers."""
    last_drill_at: datetime | None
    """When a halt of this strategy alone was last sealed."""

    @property
    def performance(self) -> Performance:
        """The figures that a promotion asks for."""
        return Performance(self.outcomes, self.right, self.stated, self.trades, self.slippage_bps)


def gather(session: Session, account: str, row: StrategyRow, now: datetime) -> Evidence:
    """Reads the record of a strategy since it came to its stage."""
    name, since = row.name, row.stage_since
    asked = {"account": account, "strategy": name, "since": since}
    decisions, approved, staged = session.execute(_DECISIONS, asked).one()
    figures = performance(session, account, name, since)
    return Evidence(
        since=since,
        days=(now - since).total_seconds() / _SECONDS_A_DAY,
        decisions=decisions,
        approved=approved,
        only_staged=staged,
        blocked_by=tuple((reason, count) for reason, count in session.execute(_REASONS, asked)),
        outcomes=figures.outcomes,
        right=figures.right,
        stated=figures.stated,
        trades=figures.trades,
        slippage_bps=figures.slippage_bps,
        trips=session.execute(_TRIPS, asked).scalar_one(),
        last_drill_at=last_drill(session, name),
    )


def performance(session: Session, account: str, name: str, since: datetime) -> Performance:
    """The figures of a strategy since a moment."""
    asked = {"account": account, "strategy": name, "since": since}
    outcomes, right, stated = session.execute(_OUTCOMES, asked).one()
    trades, cost, notional = session.execute(_SLIPPAGE, asked).one()
    slippage = round(cost / notional * 10_000, 2) if notional else None
    return Performance(outcomes, right, stated, trades, slippage)


def trips_of(session: Session, name: str, since: datetime) -> Trips:
    """The trips of the strategy's own breakers after a moment, by what makes a strategy fall."""
    asked = {"strategy": name, "since": since, "model": MODEL_TRIP, "losses": list(LOSS_TRIPS)}
    model, losses = session.execute(_FALLS, asked).one()
    return Trips(model, losses)


def tripped_since(session: Session, since: datetime) -> Sequence[str]:
    """The strategies with such a trip since a moment, by name."""
    asked = {"since": since, "kinds": [MODEL_TRIP, *LOSS_TRIPS]}
    return session.scalars(_FALLEN, asked).all()


def last_drill(session: Session, name: str) -> datetime | None:
    """When a halt of this strategy alone was last sealed; None before the first."""
    found: datetime | None = session.scalar(_DRILL, {"subject": subject_of(name)})
    return found
