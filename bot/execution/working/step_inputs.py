"""The inputs of a parent's step: what is read before its lock and under it, and what they allow."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.orders import fallback_rows
from bot.execution.policy.exit_bounds import ExitBounds
from bot.execution.ports import OrderWork
from bot.execution.sending import price_bound, volume_counter
from bot.execution.sending.price_bound import Pricing
from bot.risk.snapshot import MarketView
from bot.state import fitness, lease
from models.documents.orders import Throttle
from models.enums import ParentState
from models.repositories import portfolio
from models.tables import InstrumentRow, ParentOrderRow


@dataclass(frozen=True, slots=True)
class Look:
    """The inputs of one step, read before any lock."""

    symbol: str
    view: MarketView | None
    forecast: VolumeForecast | None


@dataclass(frozen=True, slots=True)
class Seen:
    """The inputs of one step, read under the parent's lock."""

    rules: InstrumentRow | None
    traded: Decimal
    """The market's volume since the parent's start, in base units."""
    unfit: str | None
    """Why the account may not add risk: it is unfit, or no lease to trade stands; None when it
    may."""


def seen_under_lock(uow: OrderWork, parent: ParentOrderRow, look: Look) -> Seen:
    """Reads the inputs of a step under the parent's lock, and counts the market's volume on."""
    rules = portfolio.instrument(uow.session, parent.symbol)
    traded, parent.volume_mark = volume_counter.counted(parent.volume_mark, look.view)
    unfit = None
    if not parent.reduce_only:
        unfit = fitness.problem(fitness.stored(uow.session, parent.account), uow.now)
        unfit = unfit or lease.problem(lease.stored(uow.session, parent.account))
    return Seen(rules, traded, unfit)


def price_limit(parent: ParentOrderRow, at: Pricing) -> Decimal:
    """The price limit: fixed for an entry, within the venue's band; an exit's follows the
    touch."""
    bounds = ExitBounds.of(parent.params)
    if bounds is None:
        side = parent.side
        return price_bound.within_band(parent.price_limit, side, at.view, at.rules)
    wider = fallback_rows.bound_bps(parent)
    return price_bound.exit_limit(parent, bounds, wider, at)


def is_held(parent: ParentOrderRow, pace: Throttle | None, now: datetime) -> bool:
    """Whether nothing is placed and nothing may rest, because of the operator, the throttle or
    a recent failure.

    After the deadline nothing holds the parent, so that it is wound up.
    """
    if now >= parent.deadline_at:
        return False
    if parent.state is ParentState.PAUSED:
        return True
    if pace is not None and pace.speed <= 0:
        return True
    wait = fallback_rows.not_before(parent)
    return wait is not None and wait > now


def pace_in_force(parent: ParentOrderRow, now: datetime) -> Throttle | None:
    """The throttle's factors; none after the deadline, when a step only winds up."""
    if parent.pace is None or now >= parent.deadline_at:
        return None
    return parent.pace
