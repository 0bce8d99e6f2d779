"""Works an event-driven parent: reads its rows and the market, then takes its algorithm's actions.

A step is one transaction under the parent's lock: new children, cancel requests and the time of the
next look are rows before anything is sent. A repeated step finds them and does nothing twice. The
exchange's records show whether it confirms a cancel; nothing replaces a child before that.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum

from bot.errors import MlriskError, Refused, Throttled
from bot.execution.algorithms import blind
from bot.execution.algorithms.steered_vwap import CLOCK
from bot.execution.algorithms.stepping import (
    POLL,
    Action,
    CancelLive,
    Done,
    DoneReason,
    Place,
    Terms,
    WaitUntil,
)
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.orders import fallback_rows, lifecycle, parent_end
from bot.execution.orders.lifecycle import Ending
from bot.execution.orders.ownership import Ownership
from bot.execution.orders.parents import (
    NewChild,
    is_urgent,
    lot_rules,
    new_child,
    step_soon,
    unplanned_qty,
    wake_child,
)
from bot.execution.orders.reasons import Reason, reason_to_stop
from bot.execution.policy import steppers
from bot.execution.policy.exit_bounds import ExitBounds
from bot.execution.policy.throttle import Throttle
from bot.execution.ports import (
    Deps,
    LimitsSource,
    MarketCache,
    OrderWork,
    VolumeForecasts,
    limits_for,
)
from bot.execution.sending import authorization, deferral, price_bound, volume_counter
from bot.execution.sending.cancelling import Cancels
from bot.execution.sending.price_bound import Pricing
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.execution.working import failing_steps, setting_aside
from bot.execution.working.progress import factors, progress_of, touch_of
from bot.failpoints import AFTER_CANCEL, AFTER_STEP_COMMIT, BEFORE_STEP_COMMIT, IN_STEP, hit
from bot.risk.snapshot import MarketView
from bot.state import fitness, lease
from models.enums import Algorithm, ChildState, EndCause, ParentState, Style
from models.locks import lock_child, lock_order, lock_parent
from models.repositories import portfolio
from models.repositories.trading import orders
from models.tables import ChildOrderRow, InstrumentRow, ParentOrderRow

log = logging.getLogger(__name__)

CANCEL_AGAIN = timedelta(seconds=2)
"""The time after which an unconfirmed cancel is asked for again; asking twice is safe."""


class StepResult(StrEnum):
    """The result of one step."""

    STEPPED = "stepped"
    NOT_DUE = "not_due"
    FOREIGN = "foreign"
    """The parent belongs to another account. Nothing was done, and an alert was raised."""
    IDLE = "idle"
    """The parent is over, or is not worked by steps."""
    FAILED = "failed"
    """The step failed; the parent's row has the reason and the time of the next step."""


@dataclass(frozen=True, slots=True)
class _Look:
    """The inputs of one step, read before any lock."""

    symbol: str
    view: MarketView | None
    forecast: VolumeForecast | None


@dataclass(frozen=True, slots=True)
class _Seen:
    """The inputs of one step, read under the parent's lock."""

    rules: InstrumentRow | None
    traded: Decimal
    """The market's volume since the parent's start, in base units."""
    unfit: str | None
    """Why the account may not add risk: it is unfit, or no lease to trade stands; None when it
    may."""


@dataclass(frozen=True, slots=True)
class _Cancel:
    child_id: int
    algorithm: str
    symbol: str
    order_link_id: str


class ParentWorker:
    """Works the stepped parents of one account. One instance per worker process."""

    def __init__(
        self,
        deps: Deps,
        *,
        market: MarketCache,
        limits: LimitsSource,
        forecasts: VolumeForecasts,
        rate_limiter: OrderRateLimiter,
    ) -> None:
        self._deps = deps
        self._db = deps.db
        self._clock = deps.clock
        self._cancels = Cancels(deps.exchange, rate_limiter, deps.account)
        self._market = market
        self._limits = limits
        self._forecasts = forecasts
        self._ownership = Ownership(deps.db, deps.account, deps.clock, actor="worker")

    def step(self, request_id: str, *, redelivered: bool = False) -> StepResult:
        """Takes the parent's step if it is due; a second call does nothing.

        A failure of the parent itself is stored in its row and delays the next step. The step is
        marked before it begins, because it may kill this process. A `redelivered` message comes
        from a process that has died.
        """
        early = self._not_now(request_id)
        if early is not None:
            return early
        begun = failing_steps.begin(self._deps, request_id, alone=redelivered)
        if begun is None:
            return StepResult.NOT_DUE
        try:
            return self._step(begun)
        except Exception as error:
            # Stored in its row, and alerted if it repeats.
            failing_steps.failed(self._deps, request_id, error)
            if failing_steps.says_nothing(error):
                raise
            return StepResult.FAILED

    def _step(self, begun: ParentOrderRow) -> StepResult:
        look = self._look(begun)
        with self._deps.work() as uow:
            parent = lock_parent(uow.session, begun.request_id)
            if parent is None:
                return StepResult.IDLE
            parent.step_begun_at = None
            if parent.step_at is None or parent.step_at > uow.now:
                uow.commit()
                return StepResult.IDLE if parent.step_at is None else StepResult.NOT_DUE
            if parent.set_aside_at is None:
                cancels = self._advance(uow, parent, look)
                failing_steps.worked(parent)
            else:
                setting_aside.wind_down(uow, parent)
                children = orders.open_children(uow.session, parent.request_id)
                cancels = _cancels_to_send(parent, children, uow.now)
            hit(BEFORE_STEP_COMMIT, parent.algorithm)
            uow.commit()
        hit(AFTER_STEP_COMMIT, parent.algorithm)
        put_off = [cancel for cancel in cancels if not self._send_cancel(cancel)]
        if put_off:
            self._give_back(put_off)
        return StepResult.STEPPED

    def _not_now(self, request_id: str) -> StepResult | None:
        """A look without locks: most wake-ups that come twice end here."""
        with self._db.reading() as session:
            parent = session.get(ParentOrderRow, request_id)
        if parent is not None and self._ownership.refuses(parent.account, request_id, "step"):
            return StepResult.FOREIGN
        if parent is None or parent.step_at is None or parent.state.is_final:
            return StepResult.IDLE
        return StepResult.NOT_DUE if parent.step_at > self._clock.now() else None

    def _look(self, parent: ParentOrderRow) -> _Look:
        if parent.set_aside_at is not None or failing_steps.is_blind(parent):
            return _Look(parent.symbol, None, None)
        forecast = self._forecast(parent, self._clock.now())
        return _Look(parent.symbol, self._market.get(parent.symbol), forecast)

    def _forecast(self, parent: ParentOrderRow, now: datetime) -> VolumeForecast | None:
        """The forecast; None when no model steers this parent, which then follows the clock."""
        model = parent.params.get("volume_model")
        if model is None or fallback_rows.working_algorithm(parent) is not Algorithm.VWAP:
            return None
        try:
            return self._forecasts.forecast(
                parent.symbol,
                model=str(model),
                start_at=parent.start_at,
                deadline_at=parent.deadline_at,
                now=now,
            )
        except MlriskError as error:
            log.warning(
                "the volume can't be forecast: %s",
                error,
                extra={"event": "no_volume_forecast", "request_id": parent.request_id},
            )
            return None

    def _advance(self, uow: OrderWork, parent: ParentOrderRow, look: _Look) -> Sequence[_Cancel]:
        """Everything that one step writes; returns the cancels to send after the commit."""
        _stop_if_refused(uow, parent)
        if parent.state.is_final:
            return ()
        children = list(orders.children_at_work(uow.session, parent.request_id))
        seen = _seen(uow, parent, look)
        actions = self._actions(parent, children, look, seen, uow.now)
        _note_source(uow, parent, look)
        parent.step_at = None
        for action in actions:
            match action:
                case Place():
                    children.append(_place(uow, parent, children, action))
                case CancelLive():
                    _request_cancel(uow, parent, children, action)
                case WaitUntil():
                    parent.step_at, parent.step_wake_at = action.at, None
                case Done():
                    reason = reason_to_stop(parent) or Reason(
                        action.reason.value, _CAUSES.get(action.reason, EndCause.OTHER)
                    )
                    parent_end.finish(uow, parent, reason)
        _look_again(uow, parent)
        return _cancels_to_send(parent, children, uow.now)

    def _actions(
        self,
        parent: ParentOrderRow,
        children: Sequence[ChildOrderRow],
        look: _Look,
        seen: _Seen,
        now: datetime,
    ) -> Sequence[Action]:
        live = _open(children)
        if parent.stop_reason is not None:
            return [*_cancel_all(live), WaitUntil(now + POLL)] if live else [Done(_STOPPED)]
        rules = seen.rules
        if rules is None:
            return [WaitUntil(now + POLL)]
        limits = limits_for(self._limits, reduce_only=parent.reduce_only)
        pace = _pace_in_force(parent, now)
        if _is_held(parent, pace, now):
            return _wait_without_orders(parent, live, now + POLL)
        if seen.unfit is not None and now < parent.deadline_at:
            return _wait_without_orders(parent, live, now + deferral.UNFIT_LOOK)
        side = parent.side
        limit = _price_limit(parent, Pricing(look.view, rules, limits, now))
        touch = touch_of(side, look.view, seen.traded, limits, now)
        worth_at = touch.bid if touch.usable else None
        terms = Terms(side, limit, rules.tick_size.normalize(), parent.reduce_only, worth_at)
        progress = progress_of(parent, children, pace, now)
        if parent.reduce_only and not touch.usable:
            waits = not failing_steps.is_blind(parent)
            return blind.step(terms, progress, lot_rules(rules), waits=waits)
        hit(IN_STEP, parent.algorithm)
        stepper = steppers.stepper(
            fallback_rows.working_algorithm(parent),
            parent.params,
            terms,
            parent.approved_qty,
            pace=factors(pace, parent),
            forecast=look.forecast,
        )
        return stepper.step(progress, touch, lot_rules(rules))

    def _send_cancel(self, cancel: _Cancel) -> bool:
        """Sends a cancel. The exchange's records show its effect; an error is tried again later.

        Returns False when the rate limiter put it off and nothing was done.
        """
        try:
            self._cancels.send(cancel.symbol, cancel.order_link_id)
        except MlriskError as error:
            log.warning(
                "the exchange has not confirmed a cancel: %s",
                error,
                extra={"event": "cancel_not_confirmed", "order_link_id": cancel.order_link_id},
            )
            if isinstance(error, Throttled):
                return False
        hit(AFTER_CANCEL, cancel.algorithm)
        return True

    def _give_back(self, put_off: Sequence[_Cancel]) -> None:
        """Takes back counted attempts that were not made; the next step makes them."""
        with self._db.unit_of_work() as uow:
            for cancel in put_off:
                found = lock_order(uow.session, cancel.child_id)
                if found is not None:
                    found[1].cancels = max(0, found[1].cancels - 1)
            uow.commit()


def _seen(uow: OrderWork, parent: ParentOrderRow, look: _Look) -> _Seen:
    """Reads the inputs of a step under the parent's lock, and counts the market's volume on."""
    rules = portfolio.instrument(uow.session, parent.symbol)
    traded, parent.volume_mark = volume_counter.counted(parent.volume_mark, look.view)
    unfit = None
    if not parent.reduce_only:
        unfit = fitness.problem(fitness.stored(uow.session, parent.account), uow.now)
        unfit = unfit or lease.problem(lease.stored(uow.session, parent.account))
    return _Seen(rules, traded, unfit)


def _stop_if_refused(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Ends a parent whose authorization is void: resting orders are cancelled, the remainder is
    released."""
    if parent.stop_reason is not None:
        return
    refusal = authorization.parent_refusal(uow.session, parent)
    if refusal is not None:
        lifecycle.stop(uow, parent, refusal.reason)


def _price_limit(parent: ParentOrderRow, at: Pricing) -> Decimal:
    """The price limit: fixed for an entry, within the venue's band; an exit's follows the
    touch."""
    bounds = ExitBounds.of(parent.params)
    if bounds is None:
        side = parent.side
        return price_bound.within_band(parent.price_limit, side, at.view, at.rules)
    wider = fallback_rows.bound_bps(parent)
    return price_bound.exit_limit(parent, bounds, wider, at)


def _is_held(parent: ParentOrderRow, pace: Throttle | None, now: datetime) -> bool:
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


def _note_source(uow: OrderWork, parent: ParentOrderRow, look: _Look) -> None:
    """Records whether a model or the clock steers a VWAP, when that changes."""
    if "volume_model" not in parent.params:
        return
    source = CLOCK if look.forecast is None else look.forecast.model
    if parent.params.get("volume_source") == source:
        return
    parent.params = {**parent.params, "volume_source": source}
    uow.add_entry(parent.account, "volume_source", parent.request_id, "mlrisk", {"source": source})


def _place(
    uow: OrderWork, parent: ParentOrderRow, children: Sequence[ChildOrderRow], action: Place
) -> ChildOrderRow:
    """Writes the child; it is sent by its own task after the commit."""
    slot = max((child.slot for child in children), default=-1) + 1
    held = unplanned_qty(parent, _open(children))
    if action.qty > held:
        raise Refused(
            f"a step places {action.qty:f} and only {held:f} are left: this is a "
            "fault of the planner"
        )
    wanted = NewChild(
        slot,
        attempt=0,
        qty=action.qty,
        due_at=uow.now,
        style=action.style,
        price=action.price,
        bound_bps=fallback_rows.bound_bps(parent) if action.style is Style.IOC else None,
    )
    child = new_child(uow, parent, wanted)
    child.wake_at = uow.now
    wake_child(uow, child, is_urgent(parent))
    return child


def _request_cancel(
    uow: OrderWork, parent: ParentOrderRow, children: Sequence[ChildOrderRow], action: CancelLive
) -> None:
    """Decides cancels, which are sent after the commit. Children that have not gone out yet
    simply end."""
    for seen in children:
        if seen.slot != action.slot or seen.state.is_final:
            continue
        child = lock_child(uow.session, seen.child_id)
        if child is None:
            continue
        child.cancel_requested_at = child.cancel_requested_at or uow.now
        if child.state == ChildState.PLANNED:
            reason = Reason("cancelled before it was sent")
            lifecycle.end_child(uow, parent, child, Ending(ChildState.CANCELLED, reason))


def _look_again(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Plans the next step. This process enqueues it when it is near, else the dispatcher
    does."""
    if parent.state.is_final:
        return
    wanted = parent.step_at or uow.now + POLL
    if wanted - uow.now > _SOON:
        parent.step_at = wanted
        return
    step_soon(uow, parent, wanted)


def _cancels_to_send(
    parent: ParentOrderRow, children: Sequence[ChildOrderRow], now: datetime
) -> Sequence[_Cancel]:
    """Children at the exchange with a cancel that was decided but not sent, or not
    confirmed."""
    due = []
    for child in _open(children):
        asked = child.cancel_requested_at
        if asked is None or child.state not in (ChildState.ACKED, ChildState.WORKING):
            continue
        if child.cancels and now - asked < child.cancels * CANCEL_AGAIN:
            continue
        child.cancels += 1
        due.append(_Cancel(child.child_id, parent.algorithm, child.symbol, child.order_link_id))
    return due


def _pace_in_force(parent: ParentOrderRow, now: datetime) -> Throttle | None:
    """The throttle's factors; none after the deadline, when a step only winds up."""
    if parent.pace is None or now >= parent.deadline_at:
        return None
    return Throttle.from_json(parent.pace)


_CAUSES = {DoneReason.DEADLINE: EndCause.OUT_OF_TIME}
_STOPPED = DoneReason.DEADLINE
"""Used unless the parent has its own stop reason."""
_SOON = timedelta(seconds=5)
"""An ETA in Redis may reach this far ahead, as the dispatcher's horizon does."""


def _open(children: Sequence[ChildOrderRow]) -> list[ChildOrderRow]:
    return [child for child in children if not child.state.is_final]


def _wait_without_orders(
    parent: ParentOrderRow, live: Sequence[ChildOrderRow], until: datetime
) -> Sequence[Action]:
    """Calls back resting orders and looks again later, because for a while nothing may be
    placed."""
    resting = [child for child in live if child.rests]
    return [*_cancel_all(resting), WaitUntil(min(until, parent.deadline_at))]


def _cancel_all(children: Sequence[ChildOrderRow]) -> list[CancelLive]:
    return [CancelLive(child.slot) for child in children if child.cancel_requested_at is None]
