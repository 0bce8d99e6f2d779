"""Flattens a halted scope: closes what the exchange reports, until it reports nothing.

Each close is an ordinary emergency exit: a request with a deterministic id, decided by the gate and
sent by this process itself, so that it needs no worker and no Redis. The exchange's positions alone
say when it is over. Protective stops go last, because they protect until then.
"""

import logging
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_UP, Decimal
from functools import partial
from typing import Any

from bot.authority.actors import Actor, named, record
from bot.clock import Clock
from bot.errors import MlriskError, Refused
from bot.exchange.protocol import Exchange, ExchangePosition
from bot.safety.alerts import conditions
from bot.safety.halting import scoped_state
from bot.safety.halting.flat_watch import FlatWatch
from bot.safety.halting.last_stops import cancel_stops
from bot.state import trading_state
from bot.state.scope import Scope
from models.database import Database
from models.enums import ChildState, ScopeKind, TradeSide, TradingState, Verdict
from models.repositories.trading import orders
from models.tables import ParentOrderRow

log = logging.getLogger(__name__)

STRATEGY = "flatten"
"""The strategy of the exits; an emergency exit may close every strategy's share."""
FLATTENED = "flattened"
"""The kind of the audit entry that ends a flattening."""
WAIT_SECONDS = 28.0
"""After this time people are told that positions remain, so that they know it 30 s after the halt
at the latest: the emergency worker looks every 2 s."""
_PAUSE_SECONDS = 0.2
_ENOUGH = 2
"""The notional of an exit in multiples of the position's: the gate cuts it to the position."""
_CENT = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class FlatteningPorts:
    """The services of this process that close positions."""

    exchange: Exchange
    decide: Callable[[object], dict[str, Any]]
    send: Callable[[int], object]
    """Sends a child by its id."""
    catch_up: Callable[[], object]
    """Reads the exchange's executions and looks up exits of unknown outcome."""
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, slots=True)
class FlatReport:
    """The end of a flattening. `flat_at` is None when positions remain or can't be read."""

    flat_at: datetime | None
    requests: tuple[str, ...]
    """The exits that were asked for."""
    left: tuple[str, ...]
    """Symbols that the exchange last reported as held."""
    problems: tuple[str, ...]
    stops_cancelled: int = 0
    """Protective stops, which are cancelled once everything is flat."""


def held_in(
    scope: Scope, account: str, positions: Sequence[ExchangePosition]
) -> list[ExchangePosition]:
    """The open positions of a scope among those that the exchange reports for an account."""
    return [one for one in positions if one.qty and scope.key in (one.symbol, account, "*")]


def why_not_ours(scope: Scope, account: str) -> str | None:
    """Why the keys of an account can't flatten a scope; None when they can."""
    if scope.kind is ScopeKind.STRATEGY:
        return "a strategy can't be flattened: the exchange knows no strategies"
    if scope.kind is ScopeKind.ACCOUNT and scope.key != account:
        return f"{scope} can't be flattened with the keys of account {account}"
    return None


def closing_side(position: ExchangePosition) -> TradeSide:
    """The side of an order that closes a position."""
    return TradeSide.SELL if position.qty > 0 else TradeSide.BUY


class Flattener:
    """Closes the positions of one account."""

    def __init__(self, db: Database, account: str, clock: Clock, ports: FlatteningPorts) -> None:
        self._db = db
        self._account = account
        self._clock = clock
        self._ports = ports

    def flatten(
        self,
        scope: Scope,
        *,
        actor: Actor,
        wait_seconds: float = WAIT_SECONDS,
        watch: FlatWatch | None = None,
    ) -> FlatReport:
        """Closes until the exchange reports nothing, or until the time is over. `watch` is the
        caller's, whose time has begun before; else people are told after the same time.

        The scope is in FLATTENING, and in FLAT after a proven end. Raises Refused for a strategy,
        because the exchange knows no strategies, and for another account.
        """
        self._require_ours(scope)
        run = _Run(self._epoch(scope, actor))
        until = time.monotonic() + wait_seconds
        own = FlatWatch(scope, wait_seconds)
        with own if watch is None else nullcontext(watch) as told:
            while True:
                held = self._held(scope, run)
                told.sees(run.left)
                if held is not None and not held:
                    told.is_flat()
                    return self._end(scope, actor, run, flat=True)
                if time.monotonic() >= until:
                    return self._end(scope, actor, run, flat=False)
                self._close_all(held or (), run)
                self._ports.sleep(_PAUSE_SECONDS)

    def take_pass(self, scope: Scope, *, actor: Actor) -> FlatReport:
        """One look: closes what the exchange reports, or ends the flattening where it reports
        nothing. A caller looks again until the report has the time of the end.

        Raises Refused as `flatten` does.
        """
        self._require_ours(scope)
        run = _Run(self._epoch(scope, actor))
        held = self._held(scope, run)
        if held is not None and not held:
            return self._end(scope, actor, run, flat=True)
        self._close_all(held or (), run)
        return FlatReport(None, tuple(run.requests), run.left, tuple(run.problems))

    def _require_ours(self, scope: Scope) -> None:
        why = why_not_ours(scope, self._account)
        if why is not None:
            raise Refused(why)

    def _close_all(self, held: Sequence[ExchangePosition], run: "_Run") -> None:
        for position in held:
            run.guard(f"{position.symbol} can't be closed", partial(self._close, position, run))
        run.guard("the exchange's record can't be read", self._ports.catch_up)

    def _epoch(self, scope: Scope, actor: Actor) -> int:
        with self._db.unit_of_work() as uow:
            return scoped_state.lock(uow, scope, actor, self._clock.now()).epoch

    def _held(self, scope: Scope, run: "_Run") -> Sequence[ExchangePosition] | None:
        """The open positions of the scope; None when they can't be read."""
        try:
            found = self._ports.exchange.positions()
        except MlriskError as error:
            run.note(f"the positions can't be read: {error.message}")
            return None
        held = held_in(scope, self._account, found)
        run.left = tuple(position.symbol for position in held)
        return held

    def _close(self, position: ExchangePosition, run: "_Run") -> None:
        request_id = run.request_id(position.symbol)
        if self._is_over(request_id):
            request_id = run.next_request_id(position.symbol)
        if not self._is_known(request_id):
            answer = self._ports.decide(_message(request_id, position, self._clock.now()))
            run.requests.append(request_id)
            if answer.get("verdict") == Verdict.DENY:
                run.note(f"{request_id} was denied: {answer.get('reasons')}")
                run.next_request_id(position.symbol)
                return
        with self._db.reading() as session:
            children = orders.children_of(session, request_id)
        for child in children:
            if child.state == ChildState.PLANNED and child.due_at <= self._clock.now():
                self._ports.send(child.child_id)

    def _is_known(self, request_id: str) -> bool:
        with self._db.reading() as session:
            return session.get(ParentOrderRow, request_id) is not None

    def _is_over(self, request_id: str) -> bool:
        with self._db.reading() as session:
            parent = session.get(ParentOrderRow, request_id)
        return parent is not None and parent.state.is_final

    def _end(self, scope: Scope, actor: Actor, run: "_Run", *, flat: bool) -> FlatReport:
        flat_at = self._clock.now() if flat else None
        stops = self._cancel_stops(scope, run) if flat else 0
        report = FlatReport(flat_at, tuple(run.requests), run.left, tuple(run.problems), stops)
        run.guard("the end is not in the audit", lambda: self._record(scope, actor, report))
        return replace(report, problems=tuple(run.problems))

    def _cancel_stops(self, scope: Scope, run: "_Run") -> int:
        """Our books hear of the last fills first: else they would want their stops back."""
        run.guard("the exchange's record can't be read", self._ports.catch_up)
        return cancel_stops(self._ports.exchange, scope, problem=run.note)

    def _record(self, scope: Scope, actor: Actor, report: FlatReport) -> None:
        now = self._clock.now()
        facts: dict[str, Any] = {
            "flat": report.flat_at is not None,
            "requests": list(report.requests),
            "left": list(report.left),
            "stops_cancelled": report.stops_cancelled,
        }
        with self._db.unit_of_work() as uow:
            row = scoped_state.lock(uow, scope, actor, now)
            sealed_at, before = row.sealed_at, row.state
            if report.flat_at is not None and before == TradingState.FLATTENING:
                said = trading_state.move(
                    row, TradingState.FLAT, reason="verified flat", actor=named(actor), now=now
                )
                conditions.is_flat(uow.session, scope, now)
                # The move opens no way for an order, so that the proof goes on.
                row.sealed_at = sealed_at
                moved = {"reason": "verified flat", "from": before, **said}
                record(uow, scope.chain, "state_recorded", str(scope), actor, moved, now)
            record(uow, scope.chain, FLATTENED, str(scope), actor, facts, now)
            uow.commit()


class _Run:
    """What one flattening has asked for and met."""

    def __init__(self, epoch: int) -> None:
        self._epoch = epoch
        self._attempts: dict[str, int] = {}
        self.requests: list[str] = []
        self.left: tuple[str, ...] = ()
        self.problems: list[str] = []

    def request_id(self, symbol: str) -> str:
        """The same for the same halt, symbol and attempt."""
        return f"flatten.{symbol}.{self._epoch}.{self._attempts.get(symbol, 0)}"

    def next_request_id(self, symbol: str) -> str:
        """The id of the next attempt."""
        self._attempts[symbol] = self._attempts.get(symbol, 0) + 1
        return self.request_id(symbol)

    def note(self, problem: str) -> None:
        """Keeps a problem, once."""
        if problem not in self.problems:
            self.problems.append(problem)

    def guard(self, told: str, step: Callable[[], object]) -> None:
        """Runs a step; an error of one is a line of the report and stops no other."""
        try:
            step()
        except Exception as error:  # the other positions matter more than the cause
            log.info(
                "a step of the flattening failed: %s",
                told,
                exc_info=True,
                extra={"event": "a_step_of_the_flattening_failed"},
            )
            self.note(f"{told} ({type(error).__name__})")


def _message(request_id: str, position: ExchangePosition, now: datetime) -> dict[str, Any]:
    price = position.mark_price or position.entry_price or Decimal(1)
    notional = (abs(position.qty) * price * _ENOUGH).quantize(_CENT, ROUND_UP)
    return {
        "request_id": request_id,
        "symbol": position.symbol,
        "side": closing_side(position).value,
        "signal_data": {
            "position_size": format(notional, "f"),
            "reduce_only": True,
            "algorithm": "immediate",
        },
        "ml_predictions": {},
        "priority": "emergency",
        "created_at": now.isoformat(),
        "metadata": {"strategy": STRATEGY},
    }
