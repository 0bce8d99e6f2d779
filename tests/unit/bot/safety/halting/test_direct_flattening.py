"""Flattening without Postgres: only reduce-only orders, each noted first, each id taken once."""

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.clock import FixedClock
from bot.errors import DependencyDown, ExchangeRefused, MlriskError, OutcomeUnknown, Throttled
from bot.exchange.protocol import (
    ExchangePosition,
    OrderAck,
    OrderIntent,
    OrderType,
    StopIntent,
    TimeInForce,
)
from bot.execution.orders.identity import is_direct_exit, stop_link_id
from bot.safety.halting.direct_flattening import DirectFlattener, Journal
from bot.safety.halting.flattening import FlatReport
from bot.state.halt_journal import Entries, JournalledExit
from bot.state.scope import EVERYTHING, Scope
from models.enums import OrderStatus, ScopeKind, TradeSide
from tests.support.fakes import T0, FakeExchange
from tests.support.properties import examples

D = Decimal


@dataclass
class Venue(FakeExchange):
    """Takes an id once, and answers a repeat as the real one does."""

    def place(self, body: Mapping[str, object], *, as_of: datetime | None = None) -> OrderAck:
        if body["orderLinkId"] in self.orders:
            raise OutcomeUnknown("OrderLinkedID is duplicate", ret_code=110072)
        if not self.positions() and body["reduceOnly"]:
            raise ExchangeRefused(110017, "current position is zero")
        return super().place(body, as_of=as_of)


@dataclass
class Paper:
    """A venue with a position, and a halt journal in memory."""

    venue: Venue = field(default_factory=lambda: Venue(FixedClock(T0)))
    lines: list[JournalledExit] = field(default_factory=list)
    is_writable: bool = True

    def note(self, line: JournalledExit) -> None:
        if not self.is_writable:
            raise OSError(28, "No space left on device")
        assert line.outcome or line.order_link_id not in self.venue.orders, (
            "noted before it is sent"
        )
        self.lines.append(line)

    def flatten(self, scope: Scope = EVERYTHING, *, looks: int = 40) -> FlatReport:
        """As one run of the command; `looks` bounds it in place of the time."""
        journal = Journal(T0, lambda: Entries(exits=tuple(self.lines)), self.note)
        left = iter(range(looks))

        def sleep(_: float) -> None:
            if next(left, None) is None:
                raise TimeoutError

        flattener = DirectFlattener(self.venue, "paper", self.venue.clock, journal, sleep=sleep)
        return flattener.flatten(scope, wait_seconds=60)

    def enter(self, side: TradeSide, qty: str = "0.5") -> None:
        body = self.venue.order_body(
            OrderIntent(
                order_link_id=f"mr-entry-{len(self.venue.orders)}",
                symbol="BTCUSDT",
                side=side,
                qty=D(qty),
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.IOC,
                price=D(65000),
                reduce_only=False,
            )
        )
        self.venue.place(body)

    def protect(self) -> str:
        link = stop_link_id("paper", "BTCUSDT", T0, 1)
        self.venue.place(
            self.venue.stop_body(StopIntent(link, "BTCUSDT", TradeSide.SELL, D("0.5"), D(60000)))
        )
        return link

    def closing(self) -> Sequence[Mapping[str, object]]:
        return [b for b in self.venue.accepted if is_direct_exit(str(b["orderLinkId"]))]


@pytest.fixture
def paper() -> Paper:
    return Paper()


@pytest.mark.parametrize("side", [TradeSide.BUY, TradeSide.SELL])
def test_what_the_exchange_reports_is_closed_by_one_reduce_only_order(
    paper: Paper, side: TradeSide
) -> None:
    paper.enter(side)
    report = paper.flatten()
    assert (report.flat_at, report.left, report.problems) == (T0, (), ())
    assert paper.venue.positions() == []
    (body,) = paper.closing()
    assert (body["reduceOnly"], body["closeOnTrigger"], body["qty"]) == (True, True, "0")
    assert [line.outcome for line in paper.lines] == ["", "accepted"]
    assert report.requests == (paper.lines[0].order_link_id,)


def test_a_stop_goes_last_and_only_when_everything_is_flat(paper: Paper) -> None:
    paper.enter(TradeSide.BUY)
    stop = paper.protect()
    seen: list[bool] = []
    paper.venue.before_post = lambda: seen.append(bool(paper.venue.conditional_orders()))
    assert paper.flatten().stops_cancelled == 1
    assert seen == [True]
    assert paper.venue.orders[stop].status is OrderStatus.CANCELLED


def test_a_stop_stays_while_a_position_does(paper: Paper) -> None:
    paper.enter(TradeSide.BUY)
    stop = paper.protect()
    paper.venue.faults = [(DependencyDown("no route"), False)] * 99
    with pytest.raises(TimeoutError):
        paper.flatten(looks=5)
    assert paper.venue.orders[stop].status is OrderStatus.OPEN
    (line,) = paper.lines
    assert line.outcome == "", "the same order goes out again"


def test_a_repeat_after_a_crash_sends_the_same_id(paper: Paper) -> None:
    """The order was noted and taken; the answer was lost with the process."""
    paper.enter(TradeSide.BUY)
    paper.venue.faults = [(OutcomeUnknown("no answer"), True)]
    paper.venue.visible = False
    paper.flatten()
    first = paper.lines[0].order_link_id
    assert {line.order_link_id for line in paper.lines} == {first}
    paper.enter(TradeSide.BUY)
    paper.venue.visible = True
    again = paper.flatten()
    assert again.flat_at is not None
    # The open order was looked up first; what was still held took another id.
    assert again.requests[0] == first
    assert len(again.requests) == 2
    assert len(paper.closing()) == 2


def test_a_journal_that_can_not_be_written_keeps_no_position_open(paper: Paper) -> None:
    paper.enter(TradeSide.BUY)
    paper.is_writable = False
    report = paper.flatten()
    assert report.flat_at is not None
    assert report.problems == ("the halt journal can't be written: No space left on device",)


def test_another_symbol_is_left_alone(paper: Paper) -> None:
    paper.enter(TradeSide.BUY)
    report = paper.flatten(Scope(ScopeKind.SYMBOL, "ETHUSDT"))
    assert (report.flat_at is not None, report.requests) == (True, ())
    assert paper.venue.positions()


def test_another_account_is_no_proof_and_loses_no_stop(paper: Paper) -> None:
    paper.enter(TradeSide.BUY)
    stop = paper.protect()
    report = paper.flatten(Scope(ScopeKind.ACCOUNT, "other"))
    assert (report.flat_at, report.stops_cancelled) == (None, 0)
    assert report.problems == ("account:other can't be flattened with the keys of account paper",)
    assert paper.venue.orders[stop].status is OrderStatus.OPEN
    assert paper.closing() == []


def test_positions_that_can_not_be_read_are_no_proof(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.enter(TradeSide.BUY)

    def hangs() -> Sequence[ExchangePosition]:
        raise DependencyDown("no answer")

    monkeypatch.setattr(paper.venue, "positions", hangs)
    with pytest.raises(TimeoutError):
        paper.flatten(looks=3)
    assert paper.closing() == []


_FAULTS: list[tuple[MlriskError, bool]] = [
    (OutcomeUnknown("read timeout"), False),
    (OutcomeUnknown("read timeout"), True),
    (OutcomeUnknown("server error", ret_code=10016), True),
    (DependencyDown("connection refused"), False),
    (Throttled("too fast", after_seconds=0.1), False),
    (ExchangeRefused(110017, "no"), False),
]


@settings(max_examples=examples(100))
@given(
    side=st.sampled_from(list(TradeSide)),
    qty=st.integers(1, 3000),
    faults=st.lists(st.sampled_from(_FAULTS), max_size=12),
    share=st.sampled_from(["1", "0.5", "0.1"]),
    visible=st.booleans(),
    crash_after=st.integers(1, 6),
)
def test_no_fault_makes_a_position_grow_or_an_id_count_twice(
    side: TradeSide,
    qty: int,
    faults: list[tuple[MlriskError, bool]],
    share: str,
    visible: bool,
    crash_after: int,
) -> None:
    paper = Paper()
    paper.enter(side, f"{qty}E-3")
    before = sum((p.qty for p in paper.venue.positions()), D(0))
    paper.venue.faults, paper.venue.fill_share = list(faults), D(share)
    paper.venue.visible = visible
    # The process is killed then; another one takes its place.
    with contextlib.suppress(TimeoutError):
        paper.flatten(looks=crash_after)
    now = sum((p.qty for p in paper.venue.positions()), D(0))
    assert abs(now) <= abs(before)
    assert now * before >= 0
    paper.venue.visible, paper.venue.fill_share = True, D(1)
    report = paper.flatten()
    assert report.flat_at is not None
    assert paper.venue.positions() == []
    links = [str(body["orderLinkId"]) for body in paper.closing()]
    assert len(links) == len(set(links))
    assert all(body["reduceOnly"] for body in paper.closing())
    assert set(links) <= {line.order_link_id for line in paper.lines}
