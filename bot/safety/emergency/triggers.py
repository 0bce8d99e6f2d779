"""Whether the system must stop all trading by itself: one pure judgement for each trigger.

A single breaker that asks for the emergency stop is judged by the evaluator of breakers. Here is
what no single breaker shows: several at once, a losing streak, models that fail together, and an
exchange, a database or an audit that stays away. Nothing here asks a server.

How long something lasts is counted by the looks, at most some seconds each. A clock that jumps, a
restart and a machine that slept therefore add nearly nothing. A reading that is missing counts as
one that stays away.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from bot.safety.breakers.readings import BreakerKind, seconds_between
from config.keys.emergency import EmergencyRules

CHANGED_LOOKS = 3
"""An audit counts as changed when so many looks in a row say so. The lease to trade is taken back
at the first."""
TIMED_LOCKS = frozenset(
    {
        BreakerKind.STOP_GUARD,
        BreakerKind.COOLDOWN,
        BreakerKind.LOW_PROFIT,
        BreakerKind.LOW_PROFIT_LONG,
        BreakerKind.LOW_PROFIT_SHORT,
    }
)
"""Kinds that lock for a time by design, and end by themselves."""


class TriggerKind(StrEnum):
    """The triggers of the emergency stop; stored, so never renamed."""

    SEVERAL_BREAKERS = "several_breakers"
    LOSING_STREAK = "losing_streak"
    FAILING_MODELS = "failing_models"
    EXCHANGE_LOST = "exchange_lost"
    DATABASE_LOST = "database_lost"
    AUDIT_UNWRITABLE = "audit_unwritable"
    AUDIT_CHANGED = "audit_changed"
    AUDIT_LOG_FAULTY = "audit_log_faulty"


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one trigger has seen now."""

    kind: TriggerKind
    value: str
    threshold: str
    since: datetime | None
    """Since when the value counts; None while there is nothing."""
    fires: bool

    @property
    def sentence(self) -> str:
        """The cause of the stop in one line."""
        since = "" if self.since is None else f", since {self.since:%Y-%m-%d %H:%M:%S} UTC"
        return f"{self.kind}: {self.value}; the threshold is {self.threshold}{since}"


@dataclass(frozen=True, slots=True)
class Lasting:
    """How long something has lasted, as the looks have counted it."""

    since: datetime
    at: datetime
    """The last look."""
    seconds: float = 0.0
    looks: int = 0
    """The looks in a row that found it."""

    @classmethod
    def counted(cls, before: "Lasting | None", now: datetime, *, lasts: bool) -> "Lasting":
        """The count after a look; it begins anew where nothing lasts."""
        if before is None or not lasts:
            return cls(now, now, looks=int(lasts))
        seconds = before.seconds + seconds_between(before.at, now)
        return cls(before.since, now, seconds, before.looks + 1)

    def to_json(self) -> dict[str, Any]:
        """As a trigger's row keeps it."""
        return {
            "since": self.since.isoformat(),
            "at": self.at.isoformat(),
            "seconds": self.seconds,
            "looks": self.looks,
        }

    @classmethod
    def from_json(cls, kept: Mapping[str, Any] | None) -> "Lasting | None":
        """Reads back what `to_json` wrote; None without it."""
        if not kept or "since" not in kept:
            return None
        return cls(
            datetime.fromisoformat(kept["since"]),
            datetime.fromisoformat(kept["at"]),
            float(kept["seconds"]),
            int(kept["looks"]),
        )


@dataclass(frozen=True, slots=True)
class SeenTrip:
    """One trip of a breaker."""

    kind: str
    at: datetime


def several_breakers(
    trips: Iterable[SeenTrip], rules: EmergencyRules, begins: datetime | None, now: datetime
) -> Judgement:
    """Different kinds of breaker that tripped within the window, in whatever scope.

    Kinds are counted, so that one cause in ten symbols counts once. `begins` is the end of the last
    stop: what tripped before it was judged.
    """
    window = timedelta(minutes=rules.breakers_window_minutes)
    first = now - window if begins is None else max(begins, now - window)
    counted = [trip for trip in trips if trip.at > first and trip.kind not in TIMED_LOCKS]
    kinds = sorted({trip.kind for trip in counted})
    most = rules.breakers_at_once
    return Judgement(
        TriggerKind.SEVERAL_BREAKERS,
        f"{len(kinds)} kinds of breaker tripped ({', '.join(kinds) or 'none'})",
        "none" if most is None else f"{most} within {rules.breakers_window_minutes:g} minutes",
        min((trip.at for trip in counted), default=None),
        most is not None and len(kinds) >= most,
    )


def losing_streak(
    tripped_at: datetime | None,
    cause: str,
    most: int,
    rules: EmergencyRules,
    begins: datetime | None,
) -> Judgement:
    """The account's losing streak, whose breaker tripped at that time at `most` losses; None while
    it has not."""
    counts = tripped_at is not None and (begins is None or tripped_at > begins)
    return Judgement(
        TriggerKind.LOSING_STREAK,
        cause if counts else "no losing streak at its limit",
        f"{most} losing trades in a row",
        tripped_at if counts else None,
        counts and rules.losing_streak_halts,
    )


def failing_models(
    stopped: Mapping[str, datetime], rules: EmergencyRules, begins: datetime | None
) -> Judgement:
    """Strategies that are stopped for their models, with the time of each stop."""
    counted = {name: at for name, at in stopped.items() if begins is None or at > begins}
    most = rules.failing_models
    names = ", ".join(sorted(counted)) or "none"
    return Judgement(
        TriggerKind.FAILING_MODELS,
        f"{len(counted)} strategies are stopped for their models ({names})",
        "none" if most is None else f"{most} strategies",
        min(counted.values(), default=None),
        most is not None and len(counted) >= most,
    )


def stays_away(
    kind: TriggerKind, what: str, lasting: Lasting, deadline_seconds: float | None
) -> Judgement:
    """Something that has given no sign since then."""
    return Judgement(
        kind,
        f"{what} for {lasting.seconds:.0f} s" if lasting.looks else f"{what}: no",
        "none" if deadline_seconds is None else f"{deadline_seconds:g} s",
        lasting.since if lasting.looks else None,
        deadline_seconds is not None and lasting.seconds >= deadline_seconds,
    )


def audit_changed(problems: Sequence[str], lasting: Lasting, *, at_once: bool = False) -> Judgement:
    """A verification that finds another audit than the one that was written.

    `at_once` says that one verification is proof enough.
    """
    shown = "; ".join(problems[:3])
    return Judgement(
        TriggerKind.AUDIT_CHANGED,
        f"the audit was changed: {shown}" if problems else "the audit is as it was written",
        "no fault",
        lasting.since if problems else None,
        bool(problems) and (at_once or lasting.looks >= CHANGED_LOOKS),
    )
