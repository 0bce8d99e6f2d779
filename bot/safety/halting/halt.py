"""Halts and resumes trading, all or one scope: the state row first, then the seal and open work.

From the commit of the state row no claim of an entry succeeds. The later steps go on when one of
them fails; each failure is a line of the report. A halt is *sealed* once the exchange can accept
nothing risk-adding from us any more (`sealing`). That is tried at once, and then beside the cancels
where a sender takes long, so that neither waits for the other, even if the exchange hangs.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from sqlalchemy import select

from bot.authority.actors import Actor, Operator, Power, named, record, require
from bot.clock import Clock
from bot.errors import Refused
from bot.exchange.protocol import Exchange, ExchangeOrder
from bot.execution.orders import reasons
from bot.execution.orders.stopping import ParentStopper, Stopped
from bot.execution.policy import absence
from bot.safety.halting import global_state, latching, scoped_state, sealing, unfinished
from bot.safety.halting.beside import Beside
from bot.safety.halting.calling_back import CalledBack, Waiting, call_back
from bot.safety.halting.latching import Latched
from bot.safety.halting.reach import HaltReach as HaltReach
from bot.safety.halting.reach import HaltWaits as HaltWaits
from bot.safety.halting.report import REPORT, SIGNED_REPORT, HaltReport, facts_of
from bot.safety.halting.steps import Steps
from bot.state.scope import EVERYTHING, Scope
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories.safety import scoping
from models.repositories.trading import orders
from models.tables import AccountRow

_FIRST_SEAL_SECONDS = 0.2
"""The wait for senders before the cancels; a healthy exchange answers them within it."""


def _follower_of(actor: Actor) -> str:
    """Who takes the steps after the state. The operator has signed the act, not its steps, so that
    these name him and do not claim to be his."""
    return f"for {actor}" if isinstance(actor, Operator) else named(actor)


class TradingHalt:
    """Moves the trading state of a scope. Needs Postgres; Celery and the exchange only if given."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        *,
        exchange: Exchange | None = None,
        revoke: Callable[[], int] | None = None,
        too_fast: Callable[[float], None] | None = None,
        waits: HaltWaits | None = None,
    ) -> None:
        """`too_fast` gets the time for which the exchange wants no cancel of anybody."""
        self._db = db
        self._clock = clock
        self._exchange = exchange
        self._revoke = revoke
        self._too_fast = too_fast or (lambda _: None)
        self._waits = waits or HaltWaits()
        self._sealer = sealing.Sealer(
            db,
            timeout_seconds=self._waits.seal_seconds,
            hold_limit_seconds=self._waits.hold_limit_seconds,
        )
        self._stopper = ParentStopper(db, clock, lock_wait_ms=self._waits.lock_ms)

    def halt(
        self,
        *,
        reason: str,
        actor: Actor,
        cancel: bool = False,
        everything: bool = False,
        stop_exits: bool = False,
        scope: Scope = EVERYTHING,
    ) -> HaltReport:
        """Stops entries of the scope; a second call stops, cancels and seals again, harmlessly.

        Exits under way go on, and their orders stay, unless `stop_exits`. `cancel` cancels our
        working orders at the exchange, with `everything` those of others as well. Raises only when
        the commit of the state failed; then nothing is halted.
        """
        reach = HaltReach(scope, cancel=cancel, everything=everything, stop_exits=stop_exits)
        return self.follow(self.set_halted(reason, actor, scope), reach, actor=actor)

    def follow(self, latched: Latched, reach: HaltReach, *, actor: Actor) -> HaltReport:
        """The steps after the state row, and their report in the audit, which a logged-in operator
        signs. For a caller that tries again only a sealed halt's report is recorded.

        Raises nothing: a failure is a line of the report.
        """
        report = self.carry_out(latched, reach, actor=actor)
        if report.sealed_at is None and self._waits.tries_again:
            return report
        return self.record(report, reach.scope, actor)

    def carry_out(self, latched: Latched, reach: HaltReach, *, actor: Actor) -> HaltReport:
        """As `follow`, without the record."""
        steps = Steps()
        quick = min(_FIRST_SEAL_SECONDS, self._waits.seal_seconds)
        at_once = self._seal(steps, _follower_of(actor), reach, at_most=quick)
        settled = self._has_passed(at_once)

        def seal(goes_on: Callable[[], bool]) -> datetime | None:
            return at_once or self._seal(steps, _follower_of(actor), reach, goes_on=goes_on)

        with Beside(seal) as late:
            stopped = self._stop_parents(steps, _follower_of(actor), reach)
            first = self._call_back(steps, reach) if reach.cancel else CalledBack(0, ())
            cancelled_at = looked_at = self._clock.now()
            revoked = self._revoke_tasks(steps)
        sealed_at = late.result()
        # Repeated for orders of senders under way that were accepted after the first look.
        rounds = [first]
        if reach.cancel and sealed_at and not settled:
            settled = self._has_passed(sealed_at)
            rounds.append(self._call_back(steps, reach))
            looked_at = self._clock.now()
        last = rounds[-1]
        steps.problems.extend(
            f"{order.order_link_id or order.order_id} is still open" for order in last.left
        )
        nothing: tuple[str, ...] = ()
        unresolved = steps.run(
            self._unresolved, nothing, "the open orders at the exchange could not be read"
        )
        is_clean = reach.cancel and settled and last.is_known and not last.left
        return HaltReport(
            str(reach.scope),
            TradingState.HALTED,
            latched.already,
            latched.at,
            sealed_at,
            stopped.parents,
            stopped.children,
            stopped.exits,
            unresolved,
            sum(called_back.cancelled for called_back in rounds),
            revoked,
            tuple(steps.problems),
            cancelled_at if reach.cancel else None,
            looked_at if is_clean else None,
            sum(called_back.gone for called_back in rounds),
        )

    def record(
        self,
        report: HaltReport,
        scope: Scope,
        actor: Actor,
        further: Mapping[str, Any] | None = None,
    ) -> HaltReport:
        """Writes the report into the audit, with further facts; a logged-in operator signs it.

        If the halt has its report already, because the login took longer than others wait, the
        entry is no second report: it is a `halt_report_signed` that names the report.
        """
        steps = Steps(list(report.problems))

        def write() -> None:
            with self._db.unit_of_work() as uow:
                now = self._clock.now()
                facts = facts_of(report) | dict(further or {})
                written = unfinished.report_since(uow.session, scope, report.latched_at)
                kind = REPORT if written is None else SIGNED_REPORT
                if written is not None:
                    facts["report"] = {"chain": written.chain, "seq": written.seq}
                record(uow, scope.chain, kind, str(scope), actor, facts, now)
                uow.commit()

        steps.run(write, None, "the report is not in the audit")
        return replace(report, problems=tuple(steps.problems))

    def resume(
        self,
        *,
        reason: str,
        actor: Actor,
        development: bool,
        scope: Scope = EVERYTHING,
        seen_epoch: int | None = None,
    ) -> None:
        """Returns the scope to ACTIVE.

        `seen_epoch` is the epoch of the state that the caller has looked at; None asks nothing.
        Raises NotAuthorised outside development without an operator's login, and Refused when
        somebody moved the state since the look.
        """
        if not development:
            require(actor, Power.RESUME, "resuming")
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            row = None if seen_epoch is None else scoped_state.lock(uow, scope, actor, now)
            if row is not None and row.epoch != seen_epoch:
                raise Refused(f"the state of {scope} changed since it was looked at")
            if global_state.set_active(uow, reason=reason, actor=actor, now=now, scope=scope):
                uow.commit()

    def set_halted(
        self, reason: str, actor: Actor, scope: Scope = EVERYTHING, *, flatten: bool = False
    ) -> Latched:
        """Writes the state row alone. The act is an audit entry in any case.

        `flatten` sets FLATTENING, which a `Flattener` ends.

        From its commit on no claim of an entry of the scope succeeds. It is for processes that may
        hold a sender's lock; `halt` also seals, cancels and revokes.
        """
        return latching.set_halted(self._db, self._clock, reason, actor, scope, flatten=flatten)

    def found(self) -> Latched:
        """A halt that stands already, for a caller who goes on with its steps."""
        return Latched(already=True, at=self._clock.now())

    def _seal(
        self,
        steps: Steps,
        actor: str,
        reach: HaltReach,
        *,
        at_most: float | None = None,
        goes_on: Callable[[], bool] = lambda: False,
    ) -> datetime | None:
        """The time of the seal; None when it can't be had within the halt's wait and while
        `goes_on`, or within `at_most` seconds, which is no problem yet."""

        def wait(acceptable_for: Callable[[], float]) -> bool:
            return self._sealer.wait(
                steps.problems.append, acceptable_for, at_most=at_most, goes_on=goes_on
            )

        return steps.run(
            lambda: self._wait_and_record(steps.problems, actor, reach, wait, at_most is None),
            None,
            "a try of the seal failed",
        )

    def _wait_and_record(
        self,
        problems: list[str],
        actor: str,
        reach: HaltReach,
        wait: Callable[[Callable[[], float]], bool],
        is_last: bool,
    ) -> datetime | None:
        """Waits for every sender under way, then for requests that may be accepted without an
        answer."""
        if not wait(partial(self._acceptable_for, reach)):
            if is_last:
                problems.append(_NOT_SEALED)
            return None
        children = sealing.unsettled(self._db, reach.only)
        problems.extend(
            (
                f"{child.order_link_id}: sent at {child.sent_at}, and no answer is known; mlrisk "
                "looks it up and cancels it"
            )
            for child in children
        )
        now = self._clock.now()
        until = sealing.accepted_until(children, self._window)
        with self._db.unit_of_work() as uow:
            row = scoped_state.lock(uow, reach.scope, actor, now)
            if row.state.allows_reducing:
                if is_last:
                    problems.append("somebody resumed trading while the halt was being sealed")
                return None
            if row.sealed_at is None:
                row.sealed_at = max(now, until or now)
                accounts = list(
                    uow.session.scalars(select(AccountRow.account).order_by(AccountRow.account))
                )
                uow.audit(
                    reach.scope.chain,
                    "halt_sealed",
                    str(reach.scope),
                    actor,
                    {"sealed_at": row.sealed_at.isoformat(), "accounts": accounts},
                    now,
                )
                uow.commit()
            return row.sealed_at

    def _has_passed(self, sealed_at: datetime | None) -> bool:
        """Whether a seal holds already. Until one in the future the exchange may accept a request
        without our hearing."""
        return sealed_at is not None and sealed_at <= self._clock.now()

    @property
    def _window(self) -> timedelta:
        """How long after its time stamp, by our clock, the exchange accepts an order that adds
        risk. Its own clock may be behind."""
        if self._exchange is None:
            return absence.RECV_WINDOW + absence.CLOCK_OFFSET
        window, offset = self._exchange.adding_window_ms, self._exchange.max_clock_offset_ms
        return timedelta(milliseconds=window + offset)

    def _acceptable_for(self, reach: HaltReach) -> float:
        """The seconds in which a claimed request of the scope may still be accepted."""
        until = sealing.accepted_until(sealing.unsettled(self._db, reach.only), self._window)
        return 0.0 if until is None else (until - self._clock.now()).total_seconds()

    def _stop_parents(self, steps: Steps, actor: str, reach: HaltReach) -> Stopped:
        """Ends parents: unsent quantity is released, resting orders are to be cancelled.

        The steps of parents with resting orders send the cancels.
        """
        stopped = steps.run(
            lambda: self._stopper.stop_all(
                reasons.HALTED, actor, exits=reach.stop_exits, only=reach.only
            ),
            Stopped(),
            "not every parent under way was ended; its children stop at their claim; run the "
            "halt again",
        )
        if stopped.held:
            steps.problems.append(
                f"{len(stopped.held)} parents under way are locked by another process and were "
                f"not ended ({', '.join(stopped.held[:_NAMED])}); their children stop at their "
                "claim; run the halt again"
            )
        return stopped

    def _revoke_tasks(self, steps: Steps) -> int:
        """Revokes queued tasks. This is an accelerator: the state row stops them, so a lost broker
        is only a note."""
        if self._revoke is None:
            return 0
        return steps.run(
            self._revoke, 0, "queued tasks could not be revoked; they will stop at their claim"
        )

    def _call_back(self, steps: Steps, reach: HaltReach) -> CalledBack:
        exchange = self._exchange
        if exchange is None:
            steps.problems.append("working orders were not cancelled: no exchange is configured")
            return CalledBack(0, (), is_known=False)
        whole = reach.scope == EVERYTHING
        return steps.run(
            lambda: call_back(
                exchange,
                everything=whole and reach.everything,
                exits=reach.stop_exits,
                problem=steps.problems.append,
                waiting=Waiting(self._too_fast, self._waits.sleep),
                within=None if whole else partial(self._within, reach),
            ),
            CalledBack(0, (), is_known=False),
            "working orders may remain: run it again, or cancel them at the exchange",
        )

    def _within(self, reach: HaltReach, found: Sequence[ExchangeOrder]) -> Sequence[ExchangeOrder]:
        """The orders of a scope: a symbol's by themselves, all others by their parents."""
        if reach.scope.kind is ScopeKind.SYMBOL:
            return [order for order in found if order.symbol == reach.scope.key]
        links = [order.order_link_id for order in found]
        with self._db.reading() as session:
            own = scoping.links_of(session, reach.only, links)
        return [order for order in found if order.order_link_id in own]

    def _unresolved(self) -> tuple[str, ...]:
        with self._db.reading() as session:
            return tuple(c.order_link_id for c in orders.unresolved_children(session))


_NAMED = 5
"""The number of request ids in a line of the report."""
_NOT_SEALED = (
    "HALTED, but not sealed: a sender is still under way; run it again, and look at "
    "`mlrisk status` for a worker that hangs"
)
