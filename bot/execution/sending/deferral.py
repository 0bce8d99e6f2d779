"""What holds a child back that is due and allowed: the operator, the price, risk, a late schedule.

Nothing here ends a child. A hold moves its due time, and its deadline ends it if the hold lasts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from bot.execution.orders import parents
from bot.execution.policy.throttle import Throttle
from bot.risk.working_rules import WorkingRules
from models.enums import ParentState, TradeSide
from models.tables import ChildOrderRow, ParentOrderRow

LOOK_AGAIN = timedelta(seconds=1)
"""Until a hold that ends by itself (a price, a pace) is looked at again."""
PAUSE_LOOK = timedelta(seconds=2)
"""A resume wakes its children itself; this is for one whose wake-up was lost."""
LATE_AFTER = parents.LATE_AFTER
DEFAULT_SPACING_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Deferral:
    """Not before `until`, because of `why`."""

    until: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Sent:
    """A child of the same parent that went out."""

    qty: Decimal
    sent_at: datetime


@dataclass(frozen=True, slots=True)
class DueChild:
    """What a claim knows when it asks; `sent` are the parent's children of the last spacings."""

    now: datetime
    far_touch: Decimal | None
    limit: Decimal | None
    """None: an exit, which follows the market."""
    traded_since_start: Decimal | None
    sent: Sequence[Sent]
    on_time: Decimal
    """The parent's slice that is due now or within one spacing and not late; 0 for none."""
    exit_under_way: bool
    """An exit of the same symbol goes first: an emergency, or one that closes all of it."""


def spacing(parent: ParentOrderRow) -> timedelta:
    """Between two slices of the plan."""
    seconds = float(parent.params.get("spacing_seconds", DEFAULT_SPACING_SECONDS))
    return timedelta(seconds=max(seconds, 0.001))


def looks_back(
    parent: ParentOrderRow, child: ChildOrderRow, pace: Throttle | None, now: datetime
) -> bool:
    """Whether the answer depends on what was sent lately: of a slice on its time, at its own
    pace, it doesn't."""
    if parent.stepped:
        return False
    return is_late(child, now) or (pace is not None and pace.speed < 1)


def window(parent: ParentOrderRow, pace: Throttle | None) -> timedelta:
    """How far back `Circumstances.sent` must reach."""
    if pace is None or not 0 < pace.speed < 1:
        return spacing(parent)
    return spacing(parent) / float(pace.speed)


def hold(
    parent: ParentOrderRow,
    child: ChildOrderRow,
    seen: DueChild,
    pace: Throttle | None,
    rules: WorkingRules,
) -> Deferral | None:
    """The first reason to wait; None when the child may go out now."""
    if parent.state is ParentState.PAUSED:
        return Deferral(seen.now + PAUSE_LOOK, "paused by the operator")
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
    """What of the child goes out under a pace that shrinks it; both parts must be sendable."""
    if pace is None or pace.size >= 1 or child.attempt >= _MAX_SHRINKS:
        return child.qty
    now = child.qty * pace.size // lot * lot
    return now if now >= least and child.qty - now >= least else child.qty


_MAX_SHRINKS = 3
"""A slice in an eighth of its size has met a market that is not for it; the rest goes as it is."""


def _is_beyond(parent: ParentOrderRow, seen: DueChild, limit: Decimal) -> bool:
    if seen.far_touch is None:
        return False
    buying = parent.side is TradeSide.BUY
    return seen.far_touch > limit if buying else seen.far_touch < limit


def _slowed(parent: ParentOrderRow, seen: DueChild, pace: Throttle | None) -> Deferral | None:
    """A slower pace stretches the time between two slices."""
    if pace is None or pace.speed >= 1 or not seen.sent:
        return None
    until = max(s.sent_at for s in seen.sent) + spacing(parent) / float(pace.speed)
    return Deferral(until, pace.sentence) if until > seen.now else None


def _catching_up(
    parent: ParentOrderRow, child: ChildOrderRow, seen: DueChild, rules: WorkingRules
) -> Deferral | None:
    """In one spacing no more goes out than a multiple of a slice, and late ones only within the
    market's volume. A slice on its time always goes: its place is kept."""
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
    """A first attempt that should have gone out by now."""
    return child.attempt == 0 and parents.is_late(child, now)


def _over_participation(
    parent: ParentOrderRow, under_way: Decimal, seen: DueChild, rules: WorkingRules
) -> bool:
    """Whether the child and what went out lately pass the cap: their fills may not be known yet,
    and counting those that are twice only slows.

    An unknown volume gives what adds risk no room: then one slice an interval goes.
    """
    if rules.participation_cap is None:
        return False
    if seen.traded_since_start is None:
        return not parent.reduce_only
    return parent.filled_qty + under_way > seen.traded_since_start * rules.participation_cap
