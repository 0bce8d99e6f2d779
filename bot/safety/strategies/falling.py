"""Strategies that fall one stage by themselves; none rises by itself.

One look judges each strategy in a transaction of its own, with its row locked, so that a person's
act in between is seen. A fall begins the record of the new stage: what made a strategy fall once
makes it fall once. What is asked of its figures then is less than what a promotion asks for.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy.orm import Session

from bot.clock import Clock
from bot.execution.orders.one_by_one import each
from bot.execution.ports import LimitsSource
from bot.safety.strategies import evidence, moving
from bot.safety.strategies.demands import Performance, Trips, judges_figures, why_it_falls
from bot.safety.strategies.moving import StageCause
from config.keys.strategies import StrategyRules
from models.audit import GLOBAL_CHAIN
from models.database import Database
from models.enums import StrategyStage
from models.repositories import strategies

ACTOR = "stage-watch"
FELL = "strategy_fell"
"""The kind of the audit entry that alerts people of a fall."""


@dataclass(frozen=True, slots=True)
class _Judged:
    """A strategy that is to fall."""

    to: StrategyStage
    why: str
    figures: Performance
    trips: Trips


class StageWatch:
    """Watches the stages of one account's strategies."""

    def __init__(self, db: Database, account: str, limits: LimitsSource, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._limits = limits
        self._clock = clock

    def look(self) -> tuple[str, ...]:
        """One look at every strategy; returns those that fell."""
        rules = self._limits.limits().strategies
        if not rules.automatic_demotion:
            return ()
        return tuple(
            filter(None, each(self._to_judge(rules), self._judge, "a stage is not judged"))
        )

    def _to_judge(self, rules: StrategyRules) -> Iterator[str]:
        """The strategies that could fall. One without a row has its stage by configuration."""
        since = self._clock.now() - timedelta(days=rules.demotion_window_days)
        with self._db.reading() as session:
            rows = [row.name for row in strategies.all_rows(session)]
            tripped = evidence.tripped_since(session, since)
            names = sorted({*rows, *tripped})
            found = [name for name in names if self._why(session, name, rules) is not None]
        yield from found

    def _judge(self, name: str) -> str:
        """Lowers the strategy if it must fall; returns its name then, else nothing."""
        rules, now = self._limits.limits().strategies, self._clock.now()
        with self._db.unit_of_work() as uow:
            strategies.named(uow.session, name, lock=True)
            found = self._why(uow.session, name, rules)
            if found is None:
                return ""
            row = moving.locked(uow, name, rules.unknown_stage, ACTOR, now)
            row.epoch += 1
            said = _facts(found)
            moving.move(uow, row, found.to, StageCause(found.why, ACTOR, now), said)
            subject = strategies.subject_of(name)
            uow.audit(
                GLOBAL_CHAIN,
                FELL,
                subject,
                ACTOR,
                {"reason": found.why, "to": found.to.value, **said},
                now,
            )
            uow.commit()
        moving.end_entries(self._db, self._clock, name, found.to, ACTOR)
        return name

    def _why(self, session: Session, name: str, rules: StrategyRules) -> _Judged | None:
        known, row = strategies.stage_of(session, name), strategies.named(session, name)
        stage = known.stage or rules.unknown_stage
        if stage is StrategyStage.SHADOW:
            return None
        window = self._clock.now() - timedelta(days=rules.demotion_window_days)
        begun = window if row is None else row.stage_since
        trips = evidence.trips_of(session, name, max(begun, window))
        figures = Performance()
        if judges_figures(stage):
            figures = evidence.performance(session, self._account, name, begun)
        why = why_it_falls(stage, figures, trips, rules)
        if why is None:
            return None
        return _Judged(tuple(StrategyStage)[stage.rank - 1], why, figures, trips)


def _facts(found: _Judged) -> dict[str, Any]:
    figures = found.figures
    slippage = figures.slippage_bps
    return {
        "automatic": True,
        "model_trips": found.trips.model,
        "loss_trips": found.trips.losses,
        "outcomes": figures.outcomes,
        "right": figures.right,
        "stated": figures.stated,
        "trades": figures.trades,
        "slippage_bps": None if slippage is None else format(slippage, "f"),
    }
