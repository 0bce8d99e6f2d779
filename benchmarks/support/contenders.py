"""The algorithms that are compared, each made for one order in one window."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache

import numpy as np

from benchmarks.support.recorded_windows import Window, whole_lots
from benchmarks.support.replayed_market import lot_rules
from benchmarks.support.replaying import Order, StepperAt
from benchmarks.support.static_schedule import StaticSchedule
from bot.execution.algorithms import immediate, implementation_shortfall, twap, vwap
from bot.execution.algorithms.base import Slice
from bot.execution.algorithms.iceberg import Iceberg
from bot.execution.algorithms.passive import Passive
from bot.execution.algorithms.pov import Pov
from bot.execution.algorithms.steered_vwap import SteeredVwap
from bot.execution.algorithms.stepping import Stepper, Terms, Touch
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.market.bars import MINUTE
from bot.market.volume.learned import PooledRidge
from bot.market.volume.model import Outlook
from bot.market.volume.panel import FloatArray, Panel, minute_of
from bot.market.volume.static import StaticCurve
from bot.risk.snapshot import MarketView, ModelView, TradeIntent

INTERVAL_SECONDS = 60.0
"""Between two children of a schedule: as often as a volume model forecasts."""
DISPLAYED_SHARE = Decimal("0.05")
POV_MARGIN = 1.25
"""The order's share of the expected volume, and a quarter more: it ends in most windows."""
POV_INTERVAL_SECONDS = 10.0
CROSS_MARGIN_SECONDS = 60.0
PASSIVE_CHILD_SHARE = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class Field:
    """One window, and the volume forecasts that may be made in it.

    Each row of an outlook knows the minutes before its own only, which `benchmarks.volume_models`
    proves by shuffling the future.
    """

    window: Window
    panel: Panel
    outlooks: Mapping[str, Outlook]
    caution: float | None
    """The learned model's."""

    def expected(self, model: str, done: int = 0) -> FloatArray:
        """Volume of each of the window's minutes that are left after the first `done`."""
        now = np.array([minute_of(self.window.start) + done])
        row: FloatArray = self.outlooks[model](now, self.window.minutes - done)[0]
        return row


@dataclass(frozen=True, slots=True)
class Contest:
    """One order in one field."""

    field: Field
    order: Order
    price: Decimal
    """Mid at the decision."""

    @property
    def window(self) -> Window:
        return self.field.window

    @property
    def terms(self) -> Terms:
        return Terms(self.order.side, self.order.price_limit, self.window.spec.tick_size)

    @property
    def horizon_seconds(self) -> float:
        return self.window.minutes * 60.0


Contender = Callable[[Contest], StepperAt]


def contenders() -> dict[str, Contender]:
    """By the name in the table; TWAP is what the others are compared with."""
    return {
        "twap": _twap,
        "immediate": _immediate,
        "vwap static": _static_vwap,
        "vwap learned": _learned_vwap,
        "pov": _pov,
        "implementation_shortfall": _implementation_shortfall,
        "iceberg": _iceberg,
        "passive": _passive,
    }


def _always(stepper: Stepper) -> StepperAt:
    def stepper_at(_now: datetime, _touch: Touch) -> Stepper:
        return stepper

    return stepper_at


def _finished(contest: Contest, stepper: Stepper) -> StepperAt:
    """What it leaves is crossed in the last minute, as a backup plan would: an order that is not
    filled costs no fee and no impact, and so would look cheap."""
    margin = CROSS_MARGIN_SECONDS
    crossing = Passive(contest.terms, cross_margin_seconds=margin)
    last_minute = contest.order.deadline_at - timedelta(seconds=margin)

    def stepper_at(now: datetime, _touch: Touch) -> Stepper:
        return stepper if now < last_minute else crossing

    return stepper_at


def _schedule(contest: Contest, slices: tuple[Slice, ...]) -> StepperAt:
    return _always(StaticSchedule(contest.terms, slices))


def _immediate(contest: Contest) -> StepperAt:
    plan = immediate.plan(contest.order.qty, contest.price, lot_rules(contest.window))
    return _schedule(contest, plan.slices)


def _twap(contest: Contest) -> StepperAt:
    params = twap.TwapParams(contest.horizon_seconds, INTERVAL_SECONDS)
    plan = twap.plan(params, contest.order.qty, contest.price, lot_rules(contest.window))
    return _schedule(contest, plan.slices)


def _static_vwap(contest: Contest) -> StepperAt:
    curve = contest.field.expected(StaticCurve.name)
    params = vwap.VwapParams(contest.horizon_seconds, tuple(curve.tolist()))
    plan = vwap.plan(params, contest.order.qty, contest.price, lot_rules(contest.window))
    return _schedule(contest, plan.slices)


def _learned_vwap(contest: Contest) -> StepperAt:
    """Steered: each step has the forecast that was possible when its minute began."""
    window, panel = contest.window, contest.field.panel
    start = minute_of(window.start) - panel.first_minute
    volume = panel.volume[panel.row(window.symbol), start : start + window.minutes].tolist()

    @lru_cache(maxsize=1)
    def stepper_of(done: int) -> SteeredVwap:
        expected = contest.field.expected(PooledRidge.name, done)
        forecast = VolumeForecast(
            PooledRidge.name,
            window.start,
            traded=tuple(volume[:done]),
            expected=tuple(expected.tolist()),
            caution=contest.field.caution,
        )
        return SteeredVwap(contest.terms, INTERVAL_SECONDS, forecast)

    def stepper_at(now: datetime, _touch: Touch) -> Stepper:
        return stepper_of(min((now - window.start) // MINUTE, window.minutes - 1))

    return stepper_at


def _pov(contest: Contest) -> StepperAt:
    expected = float(contest.field.expected(StaticCurve.name).sum())
    cap = Decimal(repr(round(float(contest.order.qty) / expected * POV_MARGIN, 6)))
    return _finished(contest, Pov(contest.terms, cap, interval_seconds=POV_INTERVAL_SECONDS))


def _iceberg(contest: Contest) -> StepperAt:
    shown = _part(contest, DISPLAYED_SHARE)
    return _finished(contest, Iceberg(contest.terms, display=shown))


def _passive(contest: Contest) -> StepperAt:
    return _always(
        Passive(
            contest.terms,
            cross_margin_seconds=CROSS_MARGIN_SECONDS,
            max_child=_part(contest, PASSIVE_CHILD_SHARE),
        )
    )


def _implementation_shortfall(contest: Contest) -> StepperAt:
    """By the very rule that live orders take their cost model from, at the first step's spread."""
    made: list[StaticSchedule] = []

    def stepper_at(now: datetime, touch: Touch) -> Stepper:
        if not made:
            made.append(StaticSchedule(contest.terms, _optimal(contest, now, touch)))
        return made[0]

    return stepper_at


def _optimal(contest: Contest, now: datetime, touch: Touch) -> tuple[Slice, ...]:
    window, order = contest.window, contest.order
    market = MarketView(
        window.symbol,
        as_of=now,
        bid=touch.bid,
        ask=touch.ask,
        volatility=window.day_volatility,
        volume_24h=Decimal(repr(window.day_volume)) * contest.price,
    )
    notional = order.qty * contest.price
    intent = TradeIntent(
        "", "", "", window.symbol, order.side, notional, ModelView(), order.start_at
    )
    horizon = contest.horizon_seconds
    costs = implementation_shortfall.cost_parameters(
        intent, market, order.qty, contest.price, horizon, INTERVAL_SECONDS
    )
    plan = implementation_shortfall.plan(
        costs, horizon, order.qty, contest.price, lot_rules(window)
    )
    return plan.slices


def _part(contest: Contest, share: Decimal) -> Decimal:
    spec = contest.window.spec
    return max(whole_lots(float(contest.order.qty * share), spec), spec.min_qty)
