"""The loss of a day from three bases, and the drawdown by tiers, of one account.

Every base is in the money of now: cash flows have scaled it, so that a withdrawal is no loss and a
deposit hides none. A loss trips only when the newest three readings all show it.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any

from sqlalchemy.orm import Session

from bot.risk.breakers.tiers import DrawdownTier, TierLimits, next_tier, smooth
from bot.risk.limits import RiskLimits
from bot.safety.breakers.readings import BreakerKind, BreakerReading, seconds_between
from bot.state.breakers import BreakerScope
from models.amounts import ZERO
from models.enums import BreakerAction
from models.repositories.safety import bases
from models.repositories.safety.bases import CONFIRMATIONS
from models.tables import EquityDayRow

_DAY = timedelta(hours=24)
_PLACES = Decimal("0.000001")


def daily_loss(
    session: Session,
    day: EquityDayRow,
    scope: BreakerScope,
    limits: RiskLimits,
    now: datetime,
    memory: dict[str, Any] | None,
) -> BreakerReading | None:
    """The loss since the UTC day's start, of 24 hours, and from the day's peak; the worst use of
    its limit counts. None before the day's start is confirmed."""
    account = day.account
    if not day.start_confirmed or day.start_equity <= 0:
        return None
    known = bases.known_until(day, now)
    readings = [equity for _, equity in bases.readings(session, account, known)]
    if len(readings) < CONFIRMATIONS:
        return None
    peak, kept = _peak_of_the_day(session, day, known, memory)
    most = limits.max_daily_loss_share
    candidates = [
        ("of the day's first equity", "since 00:00 UTC", day.start_equity, most),
        ("of the day's highest equity", "from the day's peak", peak, most),
        (
            "of the equity 24 hours ago",
            "24 hours",
            _a_day_ago(session, day, now),
            limits.max_rolling_loss_share,
        ),
    ]
    worst: tuple[Decimal, BreakerReading] | None = None
    for words, window, base, limit in candidates:
        if base is None or base <= 0:
            continue
        newest = (base - readings[0]) / base
        breached = min((base - equity) / base for equity in readings) >= limit
        found = BreakerReading(
            kind=BreakerKind.DAILY_LOSS,
            scope=scope,
            value=f"{newest:.6f}",
            limit=format(limit, "f"),
            window=window,
            breached=breached,
            reason=f"lost {newest:.2%} {words}; the limit is {limit:.2%}",
            memory=kept,
        )
        use = newest / limit + (1 if breached else 0)
        if worst is None or use > worst[0]:
            worst = (use, found)
    return None if worst is None else worst[1]


def drawdown(
    day: EquityDayRow,
    scope: BreakerScope,
    limits: RiskLimits,
    now: datetime,
    memory: dict[str, Any] | None,
) -> BreakerReading | None:
    """The drawdown's reading, whose memory has the tier; None before an equity and its peak are
    confirmed."""
    if day.confirmed_equity is None or day.peak_equity <= 0:
        return None
    raw = max(ZERO, (day.peak_equity - day.confirmed_equity) / day.peak_equity)
    before = memory or {}
    smoothed = smooth(
        Decimal(before["smoothed"]) if "smoothed" in before else None,
        raw,
        seconds_between(datetime.fromisoformat(before["at"]), now) if "at" in before else 0.0,
        limits.breakers.drawdown_half_life_seconds,
    )
    red = limits.max_drawdown_share
    rules = TierLimits(
        yellow=red * limits.breakers.yellow_drawdown_use,
        orange=red * limits.breakers.orange_drawdown_use,
        red=red,
        hysteresis=limits.breakers.drawdown_hysteresis,
    )
    tier = next_tier(DrawdownTier(before.get("tier", "green")), raw, smoothed, rules)
    stops = tier.depth >= DrawdownTier.ORANGE.depth
    return BreakerReading(
        kind=BreakerKind.DRAWDOWN,
        scope=scope,
        value=format(raw.quantize(_PLACES), "f"),
        limit=format(rules.begins(tier if stops else DrawdownTier.ORANGE).normalize(), "f"),
        window="from the peak",
        breached=stops,
        reason=(
            f"the equity is {raw:.2%} below its peak ({smoothed:.2%} smoothed): the drawdown is "
            f"{tier}"
        ),
        action=(BreakerAction.FLATTEN if tier is DrawdownTier.RED else BreakerAction.REDUCE_ONLY),
        memory={
            "tier": tier.value,
            "smoothed": format(smoothed.quantize(_PLACES), "f"),
            "at": now.isoformat(),
        },
    )


def _peak_of_the_day(
    session: Session,
    day: EquityDayRow,
    known: datetime,
    memory: dict[str, Any] | None,
) -> tuple[Decimal, dict[str, Any]]:
    """The highest confirmed equity of the day so far, in the money of now, and what to remember.

    A reset of the breaker begins anew, because earlier losses have been judged.
    """
    start_at = day.start_at or datetime.fromisoformat(day.day).replace(tzinfo=UTC)
    since = max(start_at, day.rebased_at or start_at)
    peak = day.start_equity
    if memory and memory.get("since") == since.isoformat():
        kept = bases.scaled_since(
            session, day.account, Decimal(memory["peak"]), datetime.fromisoformat(memory["at"])
        )
        peak = max(peak, kept)
    equity, confirmed_at = day.confirmed_equity, day.confirmed_at
    if equity is not None and confirmed_at is not None and confirmed_at >= since:
        peak = max(peak, equity)
    remembered = {"since": since.isoformat(), "at": known.isoformat(), "peak": format(peak, "f")}
    return peak, remembered


def _a_day_ago(session: Session, day: EquityDayRow, now: datetime) -> Decimal | None:
    since = max(now - _DAY, day.rebased_at or now - _DAY)
    first = bases.first_readings(session, day.account, since)
    return median(first) if len(first) >= CONFIRMATIONS else None
