"""Deferrals of a child that is due and authorized: by the operator, the account's fitness, the
price, the throttle or a late schedule.

Nothing here ends a child. A deferral moves its due time; its deadline ends it if the deferral
lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.orders import parents
from config.keys.working import WorkingRules
from models.documents.orders import Throttle
from models.enums import ParentState, TradeSide
from models.tables import ChildOrderRow, ParentOrderRow

LOOK_AGAIN = timedelta(seconds=1)
"""The time until a deferral that ends by itself (price, throttle) is judged again."""
PAUSE_LOOK = timedelta(seconds=2)
"""The time until a paused child is judged again. A resume enqueues its children itself; this is for
a lost message."""
UNFIT_LOOK = timedelta(seconds=5)
"""The time until a child of an unfit account is judged again: on a full disk each look takes
room."""
LATE_AFTER = parents.LATE_AFTER
DEFAULT_SPACING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Deferral:
    """The child waits until `until`, because of `why`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A recent send: a child of the same parent that went out."""

    qty: Decimal
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DueChild:
    """The conditions of a claim; `sent` are the parent's children of the last spacings."""

    now: datetime
    far_touch: Decimal | None
    limit: Decimal | None
    """None for an exit, which follows the market."""
    traded_since_start: Decimal | None
    sent: Sequence[Sent]
    on_time: Decimal
    """The quantity of the parent's slice that is due now or within one spacing and not late; 0 for
    none."""
    unfit: str | None
    """The reason why the account must not add risk (an answer of the exchange, a full disk)."""
    exit_under_way: bool
    """Whether an exit of the same symbol goes first: an emergency, or one that closes all of it."""


def spacing(parent: ParentOrderRow) -> timedelta:
    """The time between two slices of the plan."""
    seconds = float(parent.params.get("spacing_seconds", DEFAULT_SPACING_SECONDS))
    return timedelta(seconds=max(seconds, 0.001))


def looks_back(
    parent: ParentOrderRow, child: ChildOrderRow, pace: Throttle | None, now: datetime
) -> bool:
    """Whether the answer depends on recent sends. It does not for an unthrottled slice on its
    time."""
    if parent.stepped:
        return False
    return is_late(child, now) or (pace is not None and pace.speed < 1)


def window(parent: ParentOrderRow, pace: Throttle | None) -> timedelta:
    """How far back `DueChild.sent` must reach."""
    if pace is None or not 0 < pace.speed < 1:
        return spacing(parent)
    return spacing(parent) / float(pace.speed)


def find_deferral(
    parent: ParentOrderRow,
    child: ChildOrderRow,
    seen: DueChild,
    pace: Throttle | None,
    rules: WorkingRules,
) -> Deferral | None:
    """The first deferral that applies; None when the child may go out now."""
    if parent.state is ParentState.PAUSED:
        return Deferral(seen.now + PAUSE_LOOK, "paused by the operator")
    if seen.unfit is not None and not parent.reduce_only:
        return Deferral(seen.now + UNFIT_LOOK, f"the account must not trade: {seen.unfit}")
    if seen.exit_under_way and not parent.reduce_only:
        return Deferral(seen.now + LOOK_AGAIN, "an exit of this symbol goes first")
    limit = seen.limit
    if not child.rests and limit is not None and _is_beyond(parent, seen, limit):
        return Deferral(seen.now + LOOK_AGAIN, f"the market is beyond the limit of {limit:f}")
    if pace is not None and pace.speed <= 0:
        return Deferral(seen.now + LOOK_AGAIN, pace.sentence)
    if parent.stepped:
        return None
    return _slowed(parent, seen, pace) or _catching_up(parent, child, seen, rules)


def shrunk_qty(
    child: ChildOrderRow, pace: Throttle | None, lot: Decimal, least: Decimal
) -> Decimal:
    """The part of the child that goes out under a shrinking throttle; both parts must be
    sendable."""
    if pace is None or pace.size >= 1 or child.attempt >= _MAX_SHRINKS:
        return child.qty
    now = child.qty * pace.size // lot * lot
    return now if now >= least and child.qty - now >= least else child.qty


_MAX_SHRINKS = 3
"""A slice that was shrunk to an eighth is shrunk no more; the rest goes out whole."""


def _is_beyond(parent: ParentOrderRow, seen: DueChild, limit: Decimal) -> bool:
    if seen.far_touch is None:
        return False
    buying = parent.side is TradeSide.BUY
    return seen.far_touch > limit if buying else seen.far_touch < limit


def _slowed(parent: ParentOrderRow, seen: DueChild, pace: Throttle | None) -> Deferral | None:
    """A slower throttle stretches the time between two slices."""
    if pace is None or pace.speed >= 1 or not seen.sent:
        return None
    until = max(s.sent_at for s in seen.sent) + spacing(parent) / float(pace.speed)
    return Deferral(until, pace.sentence) if until > seen.now else None


def _catching_up(
    parent: ParentOrderRow, child: ChildOrderRow, seen: DueChild, rules: WorkingRules
) -> Deferral | None:
    """The catch-up bound: in one spacing at most a multiple of a slice goes out, and late slices
    only within the market's volume. A slice on its time always goes out."""
    if not is_late(child, seen.now):
        return None
    recent = [s for s in seen.sent if s.sent_at > seen.now - spacing(parent)]
    sent = sum((s.qty for s in recent), Decimal(0))
    # Slices may be uneven (a curve, a front-loaded plan): the largest at hand is the measure.
    planned = max(child.qty, seen.on_time, *(s.qty for s in recent))
    if sent + child.qty + seen.on_time > rules.max_catch_up * planned:
        frees = (s.sent_at + spacing(parent) for s in recent)
        until = min(frees, default=seen.now + LOOK_AGAIN)
        return Deferral(until, f"late: at most {rules.max_catch_up:f} slices in one interval")
    if recent and _over_participation(parent, sent + child.qty, seen, rules):
        return Deferral(seen.now + LOOK_AGAIN, "late: its share of the traded volume is used up")
    return None


def is_late(child: ChildOrderRow, now: datetime) -> bool:
    """Whether the child is a late first attempt."""
    return child.attempt == 0 and parents.is_late(child, now)


def _over_participation(
    parent: ParentOrderRow, under_way: Decimal, seen: DueChild, rules: WorkingRules
) -> bool:
    """Whether the child and the recent sends exceed the volume cap. Their fills may be unknown yet;
    counting some of them twice only slows.

    With an unknown volume an entry sends one slice an interval.
    """
    if rules.participation_cap is None:
        return False
    if seen.traded_since_start is None:
        return not parent.reduce_only
    return parent.filled_qty + under_way > seen.traded_since_start * rules.participation_cap
