"""Flattens without Postgres: closes what the exchange reports by reduce-only orders of its own.

It is the last resort of a halt whose row can't be written. Each order closes the whole position, so
that it can only reduce, and stands in the halt journal before it is sent. Its id follows from the
journal: whoever repeats an attempt sends the same id, which the exchange takes once.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from bot.clock import Clock
from bot.errors import ExchangeRefused, MlriskError, OutcomeUnknown
from bot.exchange.protocol import Exchange, ExchangePosition, OrderIntent, OrderType, TimeInForce
from bot.execution.orders.identity import direct_exit_link_id
from bot.safety.halting.flat_watch import FlatWatch
from bot.safety.halting.flattening import FlatReport, closing_side, held_in, why_not_ours
from bot.safety.halting.last_stops import cancel_stops
from bot.state.halt_journal import Entries, JournalledExit
from bot.state.scope import Scope
from models.amounts import plain

_PAUSE_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Journal:
    """The halt journal as a flattening uses it."""

    since: datetime
    """The time of the halt, from which the ids of the orders follow."""
    read: Callable[[], Entries]
    note: Callable[[JournalledExit], None]
    """Writes a line to the disk. Raises OSError."""


class DirectFlattener:
    """Closes the positions of the account that the keys belong to. It asks nothing but the
    exchange."""

    def __init__(
        self,
        exchange: Exchange,
        account: str,
        clock: Clock,
        journal: Journal,
        *,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._exchange = exchange
        self._account = account
        self._clock = clock
        self._journal = journal
        self._sleep = sleep

    def flatten(self, scope: Scope, *, wait_seconds: float) -> FlatReport:
        """Closes until the exchange reports nothing, or until the time is over. Then the protective
        stops of the scope go as well. People are told when it takes longer than the time.

        A scope that these keys can't flatten is a problem of the report, and nothing is sent.
        """
        run = _Run(self._journal)
        foreign = why_not_ours(scope, self._account)
        if foreign is not None:
            run.note(foreign)
            return run.report(None)
        until = time.monotonic() + wait_seconds
        with FlatWatch(scope, wait_seconds) as watch:
            while True:
                held = self._held(scope, run)
                watch.sees(run.left)
                if held is not None and not held:
                    watch.is_flat()
                    return self._end(scope, run)
                if time.monotonic() >= until:
                    return run.report(None)
                for position in held or ():
                    self._close(position, run)
                self._sleep(_PAUSE_SECONDS)

    def _end(self, scope: Scope, run: "_Run") -> FlatReport:
        flat_at = self._clock.now()
        stops = cancel_stops(self._exchange, scope, problem=run.note)
        return run.report(flat_at, stops)

    def _held(self, scope: Scope, run: "_Run") -> Sequence[ExchangePosition] | None:
        try:
            held = held_in(scope, self._account, self._exchange.positions())
        except MlriskError as error:
            run.note(f"the positions can't be read: {error.message}")
            return None
        run.left = tuple(position.symbol for position in held)
        return held

    def _close(self, position: ExchangePosition, run: "_Run") -> None:
        """Sends one order, or the last one of the symbol again where its outcome is unknown."""
        exit_ = run.next_exit(position, self._clock.now())
        body = self._exchange.order_body(
            OrderIntent(
                order_link_id=exit_.order_link_id,
                symbol=position.symbol,
                side=closing_side(position),
                qty=abs(position.qty),
                order_type=OrderType.MARKET,
                time_in_force=TimeInForce.IOC,
                price=None,
                reduce_only=True,
                closes_position=True,
            )
        )
        try:
            self._exchange.place(body)
        except ExchangeRefused as error:
            run.note(f"{exit_.order_link_id} of {position.symbol}: {error.message}")
            run.ends(exit_, f"refused: {error.message}", self._clock.now())
        except OutcomeUnknown as error:
            self._look_up(exit_, error, run)
        except MlriskError as error:
            # Provably not taken: the same order goes out again.
            run.note(f"{position.symbol} can't be closed: {error.message}")
        else:
            run.ends(exit_, "accepted", self._clock.now())

    def _look_up(self, exit_: JournalledExit, why: OutcomeUnknown, run: "_Run") -> None:
        try:
            found = self._exchange.find_order(exit_.symbol, exit_.order_link_id)
        except MlriskError as error:
            run.note(f"{exit_.order_link_id} can't be looked up: {error.message}")
            return
        if found is None:
            run.note(f"{exit_.order_link_id} has no known outcome: {why.message}")
            return
        run.ends(exit_, f"accepted: {found.raw_status}", self._clock.now())


class _Run:
    """What one flattening has sent and met, beside what the journal has from earlier ones."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._ids: dict[str, list[str]] = {}
        """The ids of each symbol's orders, oldest first."""
        self._open: dict[str, JournalledExit] = {}
        """Each symbol's order whose outcome is unknown."""
        self._sent: list[str] = []
        self.left: tuple[str, ...] = ()
        self._problems: list[str] = []
        self._recall()

    def next_exit(self, position: ExchangePosition, now: datetime) -> JournalledExit:
        """The order to send: a noted one whose outcome is unknown, else a new one, which is in the
        journal when this returns."""
        symbol, side = position.symbol, closing_side(position)
        known = self._open.get(symbol)
        if known is not None and known.side == side.value:
            return self._goes_out(known)
        ids = self._ids.setdefault(symbol, [])
        link = direct_exit_link_id(self._journal.since, symbol, len(ids))
        new = JournalledExit(now, link, symbol, side.value, plain(abs(position.qty)))
        self._note(new)
        ids.append(link)
        self._open[symbol] = new
        return self._goes_out(new)

    def ends(self, exit_: JournalledExit, outcome: str, now: datetime) -> None:
        """Notes the outcome of an order; the symbol's next order has another id."""
        self._open.pop(exit_.symbol, None)
        self._note(
            JournalledExit(now, exit_.order_link_id, exit_.symbol, exit_.side, exit_.qty, outcome)
        )

    def note(self, problem: str) -> None:
        """Keeps a problem, once."""
        if problem not in self._problems:
            self._problems.append(problem)

    def report(self, flat_at: datetime | None, stops: int = 0) -> FlatReport:
        """The report of the end."""
        return FlatReport(flat_at, tuple(self._sent), self.left, tuple(self._problems), stops)

    def _goes_out(self, exit_: JournalledExit) -> JournalledExit:
        if exit_.order_link_id not in self._sent:
            self._sent.append(exit_.order_link_id)
        return exit_

    def _recall(self) -> None:
        try:
            entries = self._journal.read()
        except OSError as error:
            self.note(f"the halt journal can't be read: {error.strerror}")
            return
        for exit_ in entries.exits:
            ids = self._ids.setdefault(exit_.symbol, [])
            if exit_.order_link_id not in ids:
                ids.append(exit_.order_link_id)
                self._open[exit_.symbol] = exit_
            elif exit_.outcome:
                self._open.pop(exit_.symbol, None)

    def _note(self, exit_: JournalledExit) -> None:
        """A journal that can't be written stops no exit: its id is the same all the same."""
        try:
            self._journal.note(exit_)
        except OSError as error:
            self.note(f"the halt journal can't be written: {error.strerror}")
