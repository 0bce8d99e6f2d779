"""Works an event-driven parent: reads its rows and the market, then takes its algorithm's actions.

A step is one transaction under the parent's lock: new children, cancel requests and the time of the
next look are rows before anything is sent. A repeated step finds them and does nothing twice. The
exchange's records show whether it confirms a cancel; nothing replaces a child before that.
"""

import logging
from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum

from bot.errors import MlriskError, Throttled
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
from bot.execution.orders.ownership import Ownership
from bot.execution.orders.parents import (
    lot_rules,
)
from bot.execution.orders.reasons import Reason, reason_to_stop
from bot.execution.policy import steppers
from bot.execution.ports import (
    Deps,
    LimitsSource,
    MarketCache,
    OrderWork,
    VolumeForecasts,
    limits_for,
)
from bot.execution.sending import authorization, deferral
from bot.execution.sending.cancelling import Cancels
from bot.execution.sending.price_bound import Pricing
from bot.execution.sending.rate_limiter import OrderRateLimiter
from bot.execution.working import failing_steps, setting_aside
from bot.execution.working.progress import factors, progress_of, touch_of
from bot.execution.working.step_actions import (
    cancel_all,
    look_again,
    open_ones,
    place,
    request_cancel,
    wait_without_orders,
)
from bot.execution.working.step_cancels import DueCancel, cancels_to_send
from bot.execution.working.step_inputs import (
    Look,
    Seen,
    is_held,
    pace_in_force,
    price_limit,
    seen_under_lock,
)
from bot.failpoints import AFTER_CANCEL, AFTER_STEP_COMMIT, BEFORE_STEP_COMMIT, IN_STEP, hit
from models.enums import Algorithm, EndCause
from models.locks import lock_order, lock_parent
from models.repositories.trading import orders
from models.tables import ChildOrderRow, ParentOrderRow

log = logging.getLogger(__name__)


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
                cancels = cancels_to_send(parent, children, uow.now)
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

    def _look(self, parent: ParentOrderRow) -> Look:
        if parent.set_aside_at is not None or failing_steps.is_blind(parent):
            return Look(parent.symbol, None, None)
        forecast = self._forecast(parent, self._clock.now())
        return Look(parent.symbol, self._market.get(parent.symbol), forecast)

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

    def _advance(self, uow: OrderWork, parent: ParentOrderRow, look: Look) -> Sequence[DueCancel]:
        """Everything that one step writes; returns the cancels to send after the commit."""
        _stop_if_refused(uow, parent)
        if parent.state.is_final:
            return ()
        children = list(orders.children_at_work(uow.session, parent.request_id))
        seen = seen_under_lock(uow, parent, look)
        actions = self._actions(parent, children, look, seen, uow.now)
        _note_source(uow, parent, look)
        parent.step_at = None
        for action in actions:
            match action:
                case Place():
                    children.append(place(uow, parent, children, action))
                case CancelLive():
                    request_cancel(uow, parent, children, action)
                case WaitUntil():
                    parent.step_at, parent.step_wake_at = action.at, None
                case Done():
                    reason = reason_to_stop(parent) or Reason(
                        action.reason.value, _CAUSES.get(action.reason, EndCause.OTHER)
                    )
                    parent_end.finish(uow, parent, reason)
        look_again(uow, parent)
        return cancels_to_send(parent, children, uow.now)

    def _actions(
        self,
        parent: ParentOrderRow,
        children: Sequence[ChildOrderRow],
        look: Look,
        seen: Seen,
        now: datetime,
    ) -> Sequence[Action]:
        live = open_ones(children)
        if parent.stop_reason is not None:
            return [*cancel_all(live), WaitUntil(now + POLL)] if live else [Done(_STOPPED)]
        rules = seen.rules
        if rules is None:
            return [WaitUntil(now + POLL)]
        limits = limits_for(self._limits, reduce_only=parent.reduce_only)
        pace = pace_in_force(parent, now)
        if is_held(parent, pace, now):
            return wait_without_orders(parent, live, now + POLL)
        if seen.unfit is not None and now < parent.deadline_at:
            return wait_without_orders(parent, live, now + deferral.UNFIT_LOOK)
        side = parent.side
        limit = price_limit(parent, Pricing(look.view, rules, limits, now))
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

    def _send_cancel(self, cancel: DueCancel) -> bool:
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

    def _give_back(self, put_off: Sequence[DueCancel]) -> None:
        """Takes back counted attempts that were not made; the next step makes them."""
        with self._db.unit_of_work() as uow:
            for cancel in put_off:
                found = lock_order(uow.session, cancel.child_id)
                if found is not None:
                    found[1].cancels = max(0, found[1].cancels - 1)
            uow.commit()


def _stop_if_refused(uow: OrderWork, parent: ParentOrderRow) -> None:
    """Ends a parent whose authorization is void: resting orders are cancelled, the remainder is
    released."""
    if parent.stop_reason is not None:
        return
    refusal = authorization.parent_refusal(uow.session, parent)
    if refusal is not None:
        lifecycle.stop(uow, parent, refusal.reason)


def _note_source(uow: OrderWork, parent: ParentOrderRow, look: Look) -> None:
    """Records whether a model or the clock steers a VWAP, when that changes."""
    if "volume_model" not in parent.params:
        return
    source = CLOCK if look.forecast is None else look.forecast.model
    if parent.params.get("volume_source") == source:
        return
    parent.params = {**parent.params, "volume_source": source}
    uow.add_entry(parent.account, "volume_source", parent.request_id, "mlrisk", {"source": source})


_CAUSES = {DoneReason.DEADLINE: EndCause.OUT_OF_TIME}
_STOPPED = DoneReason.DEADLINE
"""Used unless the parent has its own stop reason."""
