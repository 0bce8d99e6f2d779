"""Joins market source, engine, clock and journal: the exchange without its endpoints."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from paper_exchange.journal import JournalWriter
from paper_exchange.server.clock import Clock, FreeClock, FrozenClock
from paper_exchange.server.venue.bars import DAY_MINUTES
from paper_exchange.server.venue.record import journal_events
from paper_exchange.server.venue.shift import (
    marks_with_impact,
    with_impact,
)
from paper_exchange.server.venue.state import StateKeeper
from paper_exchange.server.venue.tape import PublicTrade, Tape
from paper_exchange.types import (
    BookUpdate,
    Category,
    Engine,
    InstrumentSpec,
    MarketEvent,
    MarketSource,
    MarketTrade,
    MarkUpdate,
    Print,
    PrivateEvent,
    Reject,
)

log = logging.getLogger(__name__)

WORK_BUDGET_SECONDS = 0.02
"""The longest stretch of market replay before other work gets the loop.

It keeps the p99 of create low.
"""
MIN_SLEEP_SECONDS = 0.001
MAX_SLEEP_SECONDS = 0.05
WARM_UP_LIMIT_MS = 10_000
"""The market time that is searched for every instrument's first book before the server opens."""

Key = tuple[Category, str]


@dataclass(slots=True)
class Pins:
    """Prices that a test has fixed, by instrument. The source does not move them."""

    last: set[Key] = field(default_factory=set)
    """Instruments whose replayed trades are left out."""
    mark: dict[Key, Decimal] = field(default_factory=dict)
    index: dict[Key, Decimal] = field(default_factory=dict)
    source_index: dict[Key, Decimal] = field(default_factory=dict)
    """The source's own index prices."""


class Venue:
    """Makes all engine calls, in one thread, at exchange times that never go back."""

    def __init__(
        self,
        source: MarketSource,
        engine: Engine,
        clock: Clock,
        journal: JournalWriter | None = None,
    ) -> None:
        self.engine = engine
        self.clock = clock
        self._free = clock if isinstance(clock, FreeClock) else None
        self._journal = journal
        self.specs: dict[Key, InstrumentSpec] = {s.key: s for s in source.instruments()}
        self.tapes: dict[Key, Tape] = {key: Tape(spec) for key, spec in self.specs.items()}
        self._source = source
        self._events: Iterator[MarketEvent] = iter(source.events())
        self._next: MarketEvent | None = next(self._events, None)
        self._offset = 0
        self._now = 0
        self.events_applied = 0
        self.source_mark: dict[Key, Decimal] = {}
        self.mark_factor: dict[Key, Decimal] = {}
        """The factor by which a fault moves an instrument's mark price, until it is taken back."""
        self.pins = Pins()
        self._running_clock = clock
        self.on_time: Callable[[int], None] = _pass
        """Called with the exchange time after each step of the market."""
        self._trades: list[tuple[Key, PublicTrade]] = []
        engine.on_print = self._on_print
        self._timer: asyncio.TimerHandle | None = None
        self._pumping = False
        self._lag_logged = 0.0
        self.keeper: StateKeeper | None = None
        self.on_failure: Callable[[], None] = _nothing
        self.on_private: Callable[[Sequence[PrivateEvent]], None] = _ignore
        self.on_trades: Callable[[Sequence[tuple[Key, PublicTrade]]], None] = _ignore

    # -- time and market ---------------------------------------------------------------------

    @property
    def now_ms(self) -> int:
        """The exchange time up to which all events are applied, in milliseconds."""
        return self._now

    def open(self) -> None:
        """Replays until each instrument has a book.

        That moment becomes the clock's present time.
        """
        first: deque[MarketEvent] = deque()
        missing = set(self.specs)
        while missing and self._next is not None and self._next.ts_ms <= WARM_UP_LIMIT_MS:
            event = self._next
            first.append(event)
            if isinstance(event, BookUpdate):
                missing.discard((event.category, event.symbol))
            self._next = next(self._events, None)
        now = self.clock.now_ms()
        self._offset = now - (first[-1].ts_ms if first else 0)
        histories = dict(self._source.history())
        while histories:
            # One after the other: the next tape takes the memory of the past before it.
            key, past = histories.popitem()
            self.tapes[key].load_past(past, self._offset)
            self.tapes[key].draw_older()
            self.engine.take_past(*key, sum(bar.volume for bar in past.bars[-DAY_MINUTES:]))
        for event in first:
            self._apply(event, event.ts_ms + self._offset)
        self._now = max(self._now, now)
        self._dispatch()

    def catch_up(self) -> int:
        """Applies the events until now and returns the exchange time reached.

        If the machine can't replay the market in time, exchange time falls behind. No event is
        skipped, and requests still get their turn.
        """
        if self._free is not None:
            return self._now
        target = self.clock.now_ms()
        if target > self._now:
            self._replay(target)
            self._dispatch()
            self.on_time(self._now)
        return self._now

    def freeze(self) -> None:
        """Stops exchange time and the market. Requests are answered, and nothing takes effect.

        Raises Reject at a speed without a clock.
        """
        if self._free is not None:
            raise Reject(10001, "at speed 0 there is no clock to freeze")
        if not isinstance(self.clock, FrozenClock):
            self.clock = FrozenClock(self.catch_up())

    def step(self, milliseconds: int) -> int:
        """Moves a frozen clock forward and replays the market; returns the exchange time.

        Raises Reject while the clock runs.
        """
        clock = self.clock
        if not isinstance(clock, FrozenClock):
            raise Reject(10001, "freeze the clock before it can be stepped")
        clock.step(milliseconds)
        while self.catch_up() < clock.now_ms():
            pass
        return self._now

    def thaw(self) -> None:
        """Lets time run again. It goes on at the running clock's time, which is later."""
        self.clock = self._running_clock
        if self._pumping:
            self._arm(0.0)

    def play(self, source: MarketSource) -> None:
        """Goes on with another source: its first event comes now.

        Each instrument keeps its book until the source has one for it. Raises Reject for an
        instrument that the exchange doesn't have, or has with another tick or step.
        """
        for spec in source.instruments():
            tape = self.tapes.get(spec.key)
            mine = None if tape is None else (tape.grid.tick_size, tape.grid.qty_step)
            if mine != (spec.tick_size, spec.qty_step):
                raise Reject(10001, f"no {spec.category} {spec.symbol} of this tick and step here")
        events = iter(source.events())
        first = next(events, None)
        if first is None:
            raise Reject(10001, "the source has no events")
        now = self.catch_up()
        self._source, self._events, self._next = source, events, first
        self._offset = now - first.ts_ms
        self._replay(now)
        self._dispatch()

    def _replay(self, target: int) -> None:
        offset = self._offset
        deadline = 0.0
        event = self._next
        count = 0
        while event is not None and (at := event.ts_ms + offset) <= target:
            self._apply(event, at)
            event = self._next = next(self._events, None)
            count += 1
            if not count & 31:
                moment = time.monotonic()
                deadline = deadline or moment + WORK_BUDGET_SECONDS
                if moment > deadline:
                    self._note_lag(target)
                    return
        self._advance(target)

    def _apply(self, event: MarketEvent, ts: int) -> None:
        """Applies an event of the source at a time of the exchange, in milliseconds."""
        key = (event.category, event.symbol)
        engine, tape = self.engine, self.tapes[key]
        if type(event) is BookUpdate:
            tape.seq = engine.next_seq()
            tape.version += 1
        elif type(event) is MarketTrade:
            if key in self.pins.last:
                return
            shift = engine.shift(*key) if engine.has_impact else 0
            shown = with_impact(event, shift) if shift else event
            self._trades.append((key, tape.on_trade(shown, engine.next_seq(), None, ts)))
        elif type(event) is MarkUpdate:
            event = self._bent(event)
            shift = engine.shift(*key) if engine.has_impact else 0
            moved = marks_with_impact(event, shift * tape.grid.tick_size) if shift else event
            tape.on_mark(moved, ts)
        engine.on_market(event, ts)
        self.events_applied += 1
        if ts > self._now:
            self._now = ts

    def _advance(self, now: int) -> None:
        self._now = max(self._now, now)
        due = self.engine.next_due_ms()
        if due is not None and due <= self._now:
            self.engine.advance(self._now)

    def _bent(self, event: MarkUpdate) -> MarkUpdate:
        """The reference prices as faults and tests want them. The source's own are remembered."""
        key = (event.category, event.symbol)
        mark, index = event.mark_price, event.index_price
        if mark is not None:
            self.source_mark[key] = mark
            factor = self.mark_factor.get(key)
            if factor is not None:
                mark = (mark * factor).quantize(mark)
        if index is not None:
            self.pins.source_index[key] = index
        if not (self.mark_factor or self.pins.mark or self.pins.index):
            return event
        return MarkUpdate(
            event.category,
            event.symbol,
            event.ts_ms,
            self.pins.mark.get(key, mark),
            self.pins.index.get(key, index),
            event.funding_rate,
        )

    def _note_lag(self, target: int) -> None:
        lag = target - self._now
        moment = time.monotonic()
        if lag > 1000 and moment - self._lag_logged > 10:
            self._lag_logged = moment
            log.warning(
                "market replay is behind the clock", extra={"event": "paper.lag", "lag_ms": lag}
            )

    def _dispatch(self) -> None:
        events = self.engine.drain_events()
        self._note_books(events)
        if self.keeper is not None:
            self.keeper.record(events)
        if self._journal is not None:
            self._journal.flush()
        if events and self._journal is not None:
            journal_events(self._journal, events)
        trades, self._trades = self._trades, []
        if trades:
            self.on_trades(trades)
        if events:
            self.on_private(events)

    def _note_books(self, events: Iterable[PrivateEvent]) -> None:
        """Marks the books that the accounts' own orders have changed, so that streams look."""
        for event in events:
            if event.topic == "order":
                tape = self.tapes[event.category or "linear", event.data["symbol"]]
                tape.seq = self.engine.next_seq()
                tape.version += 1

    def _on_print(self, one: Print) -> None:
        """Takes a trade of an own order: last price, bars and the public stream have it."""
        key = (one.trade.category, one.trade.symbol)
        trade = self.tapes[key].on_trade(one.trade, one.seq, one.exec_id)
        self._trades.append((key, trade))

    # -- the pump ----------------------------------------------------------------------------

    def start(self) -> None:
        """Begins to play the market."""
        self._pumping = True
        self._arm(0.0)

    def stop(self) -> None:
        """Stops playing the market."""
        self._pumping = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _arm(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        when = loop.time() + seconds
        if self._timer is not None:
            if self._timer.when() <= when and not self._timer.cancelled():
                return
            self._timer.cancel()
        self._timer = loop.call_later(seconds, self._pump)

    def _pump(self) -> None:
        self._timer = None
        if not self._pumping:
            return
        try:
            self._step()
        except Exception:
            # An exchange with a stopped clock would look alive and be wrong.
            log.exception("market replay failed", extra={"event": "paper.replay_failed"})
            self._pumping = False
            self.on_failure()

    def _step(self) -> None:
        if self._free is not None:
            self._run_free(self._free)
            self._arm(0.0 if self._next is not None else MAX_SLEEP_SECONDS)
            return
        self.catch_up()
        self._arm(self._pause())

    def _run_free(self, clock: FreeClock) -> None:
        deadline = time.monotonic() + WORK_BUDGET_SECONDS
        while self._next is not None and time.monotonic() < deadline:
            self.run_slice(64)
        clock.advance_to(self._now)

    def run_slice(self, count: int) -> None:
        """Applies the next `count` events without a look at the clock."""
        events, offset, apply = self._events, self._offset, self._apply
        event = self._next
        for _ in range(count):
            if event is None:
                break
            apply(event, event.ts_ms + offset)
            event = self._next = next(events, None)
        self._dispatch()

    def _pause(self) -> float:
        """The wall time until something is due, in seconds."""
        due = self.engine.next_due_ms()
        upcoming = None if self._next is None else self._next.ts_ms + self._offset
        times = [t for t in (due, upcoming) if t is not None]
        if not times:
            return MAX_SLEEP_SECONDS
        pause = self.clock.wall_seconds(min(times) - self.clock.now_ms())
        return min(max(pause, MIN_SLEEP_SECONDS), MAX_SLEEP_SECONDS)

    def touched(self, uid: str | None = None, order_id: str | None = None) -> None:
        """Publishes the engine's events after a call that changed it, and re-arms the pump.

        `uid` and `order_id` name an account and order that changed without an event.
        """
        if self.keeper is not None and uid is not None:
            self.keeper.touch(uid, order_id)
        self._dispatch()
        if self._pumping and self._free is None:
            self._arm(self._pause())

    def inject(self, event: MarketEvent) -> None:
        """Applies a market event of a fault or a test at the current exchange time.

        A trade is printed although the last price is pinned.
        """
        now = self.catch_up()
        pinned, self.pins.last = self.pins.last, set()
        self._apply(event, now)
        self.pins.last = pinned
        self.touched()

    # -- journal -----------------------------------------------------------------------------

    def journal(self, kind: str, fields: Mapping[str, Any]) -> None:
        """Writes a record at the present exchange time, where a journal is kept."""
        if self._journal is not None:
            self._journal.write(kind, self._now, fields)

    # -- lookups -----------------------------------------------------------------------------

    def spec(self, category: str, symbol: str) -> InstrumentSpec:
        """The instrument. Raises Reject, as Bybit does, for an unknown one."""
        key: Key = ("spot" if category == "spot" else "linear", symbol)
        if key[0] == category and key in self.specs:
            return self.specs[key]
        raise Reject(10001, "Not supported symbols")

    def replace_spec(self, spec: InstrumentSpec) -> None:
        """Takes an instrument's new rules. Its tick and step are on the source's grid."""
        self.specs[spec.key] = spec
        self.tapes[spec.key].spec = spec


def _nothing() -> None:
    return None


def _pass(_: int) -> None:
    return None


def _ignore(_: Sequence[Any]) -> None:
    return None
