"""A run that ends: it waits until nothing is open, and finds out whether all invariants hold."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from config.settings import Settings
from console.context import reading, reading_engine
from console.runtime.examination import examine
from console.runtime.system import DEMO_STRATEGY, Progress, System
from console.views.live.queries import database_now, trading_states
from console.views.report import RunFacts, build_report
from models.enums import ExecutionStatus, strictest
from models.open_rows import CHILD_IS_OPEN, PARENT_IS_OPEN
from models.tables import ChildOrderRow, ParentOrderRow, TradeRequestRow

# The demo's longest schedule takes 30 s, and its last slice has 12 s more.
DRAIN_SECONDS = 60.0
_POLL_SECONDS = 0.25
_SAY_EVERY_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The numbers of requests, parents and children that have not ended."""

    requests: int
    parents: int
    children: int

    @property
    def nothing(self) -> bool:
        """Whether everything has come to its end."""
        return not (self.requests or self.parents or self.children)

    def __str__(self) -> str:
        return f"{self.requests} requests, {self.parents} parents, {self.children} child orders"


def began(settings: Settings) -> datetime:
    """The run's first moment, by Postgres' clock, which stamps the rows as well."""
    with reading(settings.require_database_url()) as session:
        return database_now(session)


def trading_is_off(settings: Settings) -> str | None:
    """A sentence about a halt that still holds from an earlier run; None when trading is
    allowed."""
    with reading(settings.require_database_url()) as session:
        states = trading_states(session)
    worst = strictest(states, lambda line: line.state)
    if worst is None or worst.state.allows_adding:
        return None
    return (
        f"trading is {worst.state.upper()} ({worst.reason}): nothing will be approved "
        "until `mlrisk resume`"
    )


def drain(system: System, progress: Progress, *, seconds: float = DRAIN_SECONDS) -> Unfinished:
    """Stops the strategy and waits until nothing is open, or the time is up."""
    if any(status.name == DEMO_STRATEGY for status in system.supervisor.status()):
        progress(f"stopping {DEMO_STRATEGY}")
        system.supervisor.stop_process(DEMO_STRATEGY)
    deadline = time.monotonic() + seconds
    said = float("-inf")
    engine = reading_engine(system.settings.require_database_url())
    try:
        while True:
            with Session(engine) as session:
                left = unfinished(session)
            if left.nothing or time.monotonic() >= deadline:
                return left
            if time.monotonic() >= said + _SAY_EVERY_SECONDS:
                said = time.monotonic()
                progress(f"waiting for {left}")
            time.sleep(_POLL_SECONDS)
    finally:
        engine.dispose()


def unfinished(session: Session) -> Unfinished:
    """Counts the requests, parents and children that have not ended."""

    def count(query: object) -> int:
        return session.scalar(select(func.count()).select_from(query)) or 0  # type: ignore[arg-type]

    requests = select(TradeRequestRow.request_id).where(
        TradeRequestRow.status == ExecutionStatus.PENDING_VALIDATION
    )
    parents = select(ParentOrderRow.request_id).where(PARENT_IS_OPEN)
    children = select(ChildOrderRow.child_id).where(CHILD_IS_OPEN)
    return Unfinished(
        count(requests.subquery()), count(parents.subquery()), count(children.subquery())
    )


def conclude(
    system: System,
    since: datetime,
    memory_mb: Mapping[str, float],
    left: Unfinished,
    progress: Progress,
    *,
    started: datetime,
) -> dict[str, object]:
    """Examines the invariants, reports, and stops everything. The report says how the stop went.

    If nothing is left open, the examination excuses no fact as still settling.
    """
    progress("examining the invariants")
    results = examine(system.settings, all_settled=left.nothing)
    with reading(system.settings.require_database_url()) as session:
        facts = RunFacts(memory_mb, results, stopped_cleanly=False, started=started)
        report = build_report(session, since, facts)
    report["stopped_cleanly"] = system.stop(progress)
    return report
