"""Reads the running system for the pages, by the role that reads alone.

One reader serves everybody who looks. It asks for what moves each second, and for the rest every
few seconds.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from bot.errors import MlriskError
from bot.limits.source import ConfiguredLimits
from bot.risk.limits import RiskLimits
from bot.state.binding import shown
from config.celery import QUEUES
from config.settings import Settings
from console.context import reading_engine
from console.screen.source import ViewSource
from console.screen.view import ScreenView
from console.views.gate_value import panel_facts
from console.views.live.lease_view import lease_view
from console.views.live.moment import Live, Money
from console.views.live.open_orders import open_orders
from console.views.live.open_positions import open_positions
from console.views.live.queries import database_now
from console.web.alerts import newest_alerts
from console.web.background import BackgroundReading
from console.web.facts import (
    Books,
    BreakerFacts,
    Facts,
    Fall,
    ModelFacts,
    Pair,
    QueueFacts,
    RecordFacts,
    Slow,
    TripFacts,
)
from models.amounts import ZERO
from models.database import Database
from models.enums import RecoveryPhase
from models.tables import (
    BreakerRow,
    BreakerTripRow,
    DisagreementRow,
    ForeignOrderRow,
    HeartbeatRow,
    ModelLaneRow,
    PositionRow,
    PredictionRow,
    RecoveryRow,
    UnreadableFactRow,
)
from tasks.queue import QueueDepth

SLOW_SECONDS = 5.0
"""What is counted over many rows is read this often."""
_TRIPS = 12
_MODELS = 20
_MODEL_WINDOW = timedelta(days=7)
_VALUE_WINDOW, _VALUE_EVERY = timedelta(days=30), timedelta(minutes=5)


class Reader:
    """One reader for the life of the process; `close` it. One thread at a time may use it."""

    def __init__(self, settings: Settings, addresses: dict[str, str]) -> None:
        self._settings = settings
        self._view = ViewSource(settings, addresses)
        self._engine = reading_engine(settings.require_database_url())
        self._database = Database(settings.require_database_url(), pool_size=1)
        self._depth = (
            None if settings.redis_url is None else QueueDepth(settings.require_redis_url())
        )
        self._limits: ConfiguredLimits | None = None
        self._books: Books | None = None
        self._slow: Slow | None = None
        # It costs a bootstrap over thirty days and changes by the hour.
        self._value = BackgroundReading(self._value_of_blocks, _VALUE_EVERY)

    def close(self) -> None:
        """Closes the connections."""
        self._value.close()
        self._view.close()
        self._engine.dispose()
        self._database.dispose()

    def read(self) -> Facts:
        """One moment. While Postgres is away it has what was read before."""
        view = self._view.read()
        settings = self._settings
        if view.live is not None:
            try:
                with Session(self._engine) as session:
                    settings = shown(session, self._settings)
                    self._books = _books(session, view.live.account)
                    if self._is_due(view.now):
                        self._slow = self._read_slow(session, view, settings)
                self._value.begin_when_due(view.live.at)
            except DBAPIError as error:
                view = _away(view, error)
        return Facts(view.now, settings, view, self._books, self._slow, self._value.newest)

    def _is_due(self, now: datetime) -> bool:
        return self._slow is None or (now - self._slow.at).total_seconds() >= SLOW_SECONDS

    def _read_slow(self, session: Session, view: ScreenView, settings: Settings) -> Slow:
        live = view.live
        assert live is not None
        falls, unknown = self._falls(live.money, settings)
        return Slow(
            at=view.now,
            falls=falls,
            falls_unknown=unknown,
            trips=_trips(session),
            models=_models(session, live.account, live.at),
            queues=self._queues(live),
            alerts=newest_alerts(session, live.at),
            record=_record(session, live.account),
        )

    def _value_of_blocks(self, now: datetime) -> dict[str, Any]:
        with Session(self._engine) as session:
            return panel_facts(session, now - _VALUE_WINDOW, now)

    def _falls(self, money: Money, settings: Settings) -> tuple[tuple[Fall, ...], str | None]:
        try:
            if self._limits is None:
                # These pages only show the limits, so that they need not prove them.
                self._limits = ConfiguredLimits(settings, self._database, prove=lambda _: ())
            limits = self._limits.limits()
        except MlriskError as error:
            return (), f"the limits in force can't be read: {error}"
        return falls_of(money, limits)

    def _queues(self, live: Live) -> tuple[QueueFacts, ...]:
        ages = {beat.name: beat.age_seconds for beat in live.heartbeats}
        return tuple(
            QueueFacts(
                name, None if self._depth is None else self._depth(name), ages.get(f"queue:{name}")
            )
            for name in QUEUES
        )


def falls_of(money: Money, limits: RiskLimits) -> tuple[tuple[Fall, ...], str | None]:
    """The equity's falls since the day's start and from its peak, each against its limit."""
    if money.equity is None or money.day_start is None or money.peak is None:
        return (), "the equity was not read yet"
    today, peak = money.day_start, money.peak
    return (
        Fall("loss today", max(ZERO, today - money.equity), today * limits.max_daily_loss_share),
        Fall(
            "fall from the peak", max(ZERO, peak - money.equity), peak * limits.max_drawdown_share
        ),
    ), None


def _away(view: ScreenView, error: DBAPIError) -> ScreenView:
    line = str(error.orig).strip().splitlines()
    return replace(view, problem=line[0] if line else type(error).__name__)


def _books(session: Session, account: str) -> Books:
    return Books(
        at=database_now(session),
        lease=lease_view(session, account),
        orders=tuple(open_orders(session, account)),
        positions=tuple(open_positions(session, account)),
        breakers=tuple(map(_breaker, session.scalars(_BREAKERS))),
        recoveries=tuple(map(_recovery, session.scalars(_RECOVERIES))),
    )


_BREAKERS = select(BreakerRow).order_by(
    BreakerRow.tripped.desc(), BreakerRow.scope_kind, BreakerRow.kind, BreakerRow.scope_key
)
_RECOVERIES = (
    select(RecoveryRow)
    .where(RecoveryRow.phase.in_((RecoveryPhase.PENDING, RecoveryPhase.CLIMBING)))
    .order_by(RecoveryRow.recovery_id)
)


def _breaker(row: BreakerRow) -> BreakerFacts:
    state = "tripped" if row.tripped else "ready" if row.share is None else "reduced"
    return BreakerFacts(
        f"{row.scope_kind}:{row.scope_key}",
        row.kind,
        state,
        row.value,
        row.limit,
        row.window,
        row.count,
        row.reason,
        row.until,
    )


def _recovery(row: RecoveryRow) -> dict[str, object]:
    return {
        "id": row.recovery_id,
        "scope": f"{row.scope_kind}:{row.scope_key}",
        "phase": row.phase.value,
        "share": row.share,
        "asked_by": row.asked_by,
        "expires_at": row.expires_at,
        "reason": row.reason,
    }


def _trips(session: Session) -> tuple[TripFacts, ...]:
    rows = session.scalars(
        select(BreakerTripRow).order_by(BreakerTripRow.tripped_at.desc()).limit(_TRIPS)
    )
    return tuple(
        TripFacts(
            row.tripped_at,
            f"{row.scope_kind}:{row.scope_key}",
            row.kind,
            row.reason,
            row.resumed_at,
            row.resumed_by,
        )
        for row in rows
    )


def _models(session: Session, account: str, now: datetime) -> tuple[ModelFacts, ...]:
    settled = PredictionRow.outcome.is_not(None)
    by = (PredictionRow.strategy, PredictionRow.model_version, PredictionRow.symbol)
    found = session.execute(
        select(
            *by,
            func.count().label("predictions"),
            func.count(PredictionRow.outcome).label("settled"),
            func.avg(PredictionRow.stated).filter(settled).label("stated"),
            func.avg(PredictionRow.outcome).label("right"),
        )
        .where(PredictionRow.account == account, PredictionRow.predicted_at > now - _MODEL_WINDOW)
        .group_by(*by)
        .order_by(func.count().desc(), *by)
        .limit(_MODELS)
    ).all()
    evidence: dict[tuple[str, str, str], float] = {}
    for lane in session.scalars(select(ModelLaneRow).where(ModelLaneRow.account == account)):
        key = (lane.strategy, lane.model_version, lane.symbol)
        evidence[key] = max(evidence.get(key, 0.0), sum(lane.sums))
    return tuple(
        ModelFacts(
            strategy,
            version,
            symbol,
            predictions,
            done,
            stated,
            right,
            evidence.get((strategy, version, symbol), 0.0),
        )
        for strategy, version, symbol, predictions, done, stated, right in found
    )


def _record(session: Session, account: str) -> RecordFacts:
    unequal = {
        row.symbol: row
        for row in session.scalars(
            select(DisagreementRow).where(DisagreementRow.account == account)
        )
    }
    held = session.execute(
        select(PositionRow.symbol, PositionRow.qty)
        .where(PositionRow.account == account)
        .order_by(PositionRow.symbol)
    ).all()
    pairs = [
        Pair(symbol, qty, qty, 0) for symbol, qty in held if symbol not in unequal and qty != ZERO
    ]
    pairs += [Pair(row.symbol, row.ours, row.theirs, row.readings) for row in unequal.values()]
    orphan = ForeignOrderRow.orphan_link_id.is_not(None)
    foreign = session.execute(
        select(func.count().filter(~orphan), func.count().filter(orphan)).where(
            ForeignOrderRow.account == account
        )
    ).one()
    unreadable = session.scalar(
        select(func.count())
        .select_from(UnreadableFactRow)
        .where(UnreadableFactRow.account == account)
    )
    beat = session.get(HeartbeatRow, "reconciliation")
    return RecordFacts(
        tuple(sorted(pairs, key=lambda pair: pair.symbol)),
        int(foreign[0]),
        int(foreign[1]),
        int(unreadable or 0),
        None if beat is None else beat.at,
    )
