"""A stop under every fault of the exchange's catalogue, and while the exchange is frozen.

A sender goes on sending the slices of a TWAP meanwhile. Whatever the exchange does, the halt is
sealed, its journal has no order that adds risk after the seal, and the positions are closed or
people are told.
"""

import copy
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any

import psutil
import pytest
from sqlalchemy import select

from bot.errors import MlriskError
from bot.exchange.protocol import ExchangePosition, OrderIntent, OrderType, TimeInForce
from bot.execution.sending.sender import SendResult
from bot.safety.halting.flat_watch import FlatWatch
from bot.safety.halting.flattening import Flattener, FlatteningPorts, closing_side
from bot.safety.halting.halt import HaltReach, TradingHalt
from bot.safety.halting.report import HaltReport
from bot.state.scope import EVERYTHING, Scope
from models.database import Database
from models.enums import ChildState, TradeSide
from models.tables import ChildOrderRow
from paper_exchange.server.faults.catalogue import CATALOGUE
from paper_exchange.testing import PaperExchangeProcess
from tests.support.accounts.paper_desk import PAPER, SYMBOL, Venue, adapter, venue_at
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import FakeExchange, prepare
from tests.support.trading_halts import seal_of
from tests.support.waiting import PATIENCE_SECONDS, eventually

pytestmark = [pytest.mark.services, pytest.mark.xdist_group("stop-at-faulty-exchange")]

D = Decimal
_numbers = count(1)
SHARE = 0.2
"""The share of requests that a fault of requests strikes."""
FLAT_SECONDS = 8.0
"""People are told after it; the real stop gives itself 30 s."""
ANSWER_SECONDS = 1.0
"""The timeout of the desk's own reads and writes; the real one is 8 s."""
NOT_HEARD = {
    **dict.fromkeys(
        (kind for kind, what in CATALOGUE.items() if what.point in ("stream", "socket")),
        "a stop hears no stream",
    ),
    **dict.fromkeys(("ws_silence", "ws_refuse"), "a stop hears no stream"),
    **dict.fromkeys(("stops_never_trigger", "stops_do_not_fill"), "of stop orders, which rest on"),
}
"""Faults that can't meet a stop, and why."""
OPTIONS: dict[str, dict[str, Any]] = {
    "http_403": {"seconds": 3},
    "foreign_position": {"n": 1, "after_ms": 300},
    "foreign_order": {"n": 1, "after_ms": 300},
}
FOR_GOOD = ("tick_change", "min_qty_change", "delivering", "liquidation", "adl")
"""Faults that change the exchange or the account for every later test."""
OF_REQUESTS = tuple(
    kind for kind, what in CATALOGUE.items() if what.point in ("before", "after", "auth")
)
MET = [kind for kind in CATALOGUE if kind not in NOT_HEARD and kind not in FOR_GOOD]
SHORT = "drop_after"
"""The one that `make test` runs."""


@dataclass
class Sending:
    """A worker of its own thread and connection that sends every due slice until it is over."""

    desk: Desk
    paper: PaperExchangeProcess
    config: dict[str, Any]
    results: list[SendResult] = field(default_factory=list)
    _over: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self) -> Iterator["Sending"]:
        thread = threading.Thread(target=self._run, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join(PATIENCE_SECONDS)

    def _run(self) -> None:
        own = copy.copy(self.desk)
        exchange = adapter(self.paper, **self.config)
        own.exchange = exchange  # type: ignore[assignment]
        sender = own.new_sender("worker-2")
        while not self._over.wait(0.02):
            for child in self._due():
                self.results.append(sender.send(child, ACCOUNT))
        exchange.close()

    def _due(self) -> Sequence[int]:
        with self.desk.db.reading() as session:
            return session.scalars(
                select(ChildOrderRow.child_id).where(
                    ChildOrderRow.state == ChildState.PLANNED,
                    ChildOrderRow.due_at <= self.desk.clock.now(),
                    ChildOrderRow.reduce_only.is_(False),
                )
            ).all()


def put_under_way(venue: Venue) -> str:
    """A position, the slices of a TWAP, and an order of ours that rests; returns the TWAP's id,
    which the exchange has never heard of."""
    slices = f"slices-{next(_numbers)}"
    desk = venue.desk
    # As a feed of today: the desk's own preparation is of its fixed day.
    prepare(desk.db, FakeExchange(desk.clock), ACCOUNT, desk.clock.now())
    desk.reconciler.refresh_instruments()
    venue.act("foreign_position", qty="0.03")
    assert eventually(venue.book) == D("0.03")
    answer = desk.approve(
        slices,
        signal_data={
            "position_size": "4000",
            "algorithm": "twap",
            "horizon_seconds": 20,
            "interval_seconds": 1,
        },
    )
    assert answer["verdict"] != "deny", answer["reasons"]
    venue.exchange.place(
        venue.exchange.order_body(
            OrderIntent(
                order_link_id=f"mr-rest-{next(_numbers)}",
                symbol=SYMBOL,
                side=TradeSide.BUY,
                qty=D("0.01"),
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                price=(desk.market.touch * D("0.9")).quantize(D(1)),
                reduce_only=False,
            )
        )
    )
    return slices


def flattener(venue: Venue) -> Flattener:
    """Closes by the services of the desk, as the command does by its own."""
    desk = venue.desk

    def catch_up() -> None:
        desk.market.touch = venue.best_ask()
        desk.reconciler.follow_exits()

    ports = FlatteningPorts(
        exchange=venue.exchange,
        decide=desk.approval.validate_and_execute,
        send=desk.send,
        catch_up=catch_up,
    )
    return Flattener(desk.db, ACCOUNT, desk.clock, ports)


def halting(venue: Venue) -> TradingHalt:
    return TradingHalt(venue.desk.db, venue.desk.clock, exchange=venue.exchange)


def adding_after(paper: PaperExchangeProcess, seal: datetime) -> list[dict[str, Any]]:
    """The orders that add risk in the exchange's own journal after a seal, but others' orders."""
    return [
        record
        for record in paper.journal("create")
        if not record["reduceOnly"]
        and record["origin"] == "client"
        and record["t"] / 1000 > seal.timestamp()
    ]


def stop_under(venue: Venue, name: str) -> None:
    desk, paper = venue.desk, venue.paper
    put_under_way(venue)
    told: list[Sequence[str]] = []

    def tell(_: Scope, left: Sequence[str]) -> None:
        told.append(left)

    config = {"read_timeout_seconds": ANSWER_SECONDS}
    with Sending(desk, paper, config).running() as sending:
        eventually(lambda: SendResult.SENT in sending.results, "the first slice")
        fault = paper.fault(name, **options_of(name))
        halt = halting(venue)
        latched = halt.set_halted("test", "me", flatten=True)
        with FlatWatch(EVERYTHING, FLAT_SECONDS, tell) as watch:
            report = halt.follow(latched, HaltReach(cancel=True), actor="me")
            flat = flattener(venue).flatten(
                EVERYTHING, actor="me", wait_seconds=FLAT_SECONDS, watch=watch
            )
        struck = [f["fired"] for f in paper.control("GET", "status")["faults"]]
        paper.clear_faults()
        paper.act("pardon")
        assert report.sealed_at is not None, report.problems
        seal = report.sealed_at
        eventually(lambda: datetime.now(UTC) > seal, "the time of the seal")
    if name in OF_REQUESTS:
        assert struck and struck[0] > 0, f"{fault} has met nothing"
    assert adding_after(paper, seal) == []
    if flat.flat_at is None:
        assert told, "neither flat, nor was anybody told"
    else:
        assert venue.exchange.positions() == []


def options_of(name: str) -> dict[str, Any]:
    """The options of a fault; one of requests strikes the first that it meets, and then a share."""
    if name not in OF_REQUESTS:
        return OPTIONS.get(name, {})
    seed = next(n for n in count() if random.Random(n).random() < SHARE)
    return {"p": SHARE, "seed": seed, **OPTIONS.get(name, {})}


def make_flat(paper: PaperExchangeProcess) -> None:
    """The next test finds the account as this one did. A new connection has heard of no ban."""
    exchange = adapter(paper)

    def close(position: ExchangePosition) -> None:
        intent = OrderIntent(
            order_link_id=f"mr-over-{next(_numbers)}",
            symbol=position.symbol,
            side=closing_side(position),
            qty=abs(position.qty),
            order_type=OrderType.MARKET,
            time_in_force=TimeInForce.IOC,
            price=None,
            reduce_only=True,
        )
        exchange.place(exchange.order_body(intent))

    def is_flat() -> bool:
        try:
            exchange.cancel_all()
            held = exchange.positions()
            for position in held:
                close(position)
        except MlriskError:
            return False  # a fault's last effects
        return not held

    eventually(is_flat, "a flat account")
    exchange.close()


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperExchangeProcess]:
    with PaperExchangeProcess(*PAPER) as server:
        yield server


@pytest.mark.parametrize(
    "name", [pytest.param(kind, marks=() if kind == SHORT else pytest.mark.long) for kind in MET]
)
def test_a_stop_under_a_fault_is_sealed_and_ends_flat_or_told(
    db: Database, paper: PaperExchangeProcess, name: str
) -> None:
    with venue_at(db, paper, read_timeout_seconds=ANSWER_SECONDS) as venue:
        try:
            stop_under(venue, name)
        finally:
            paper.clear_faults()
            paper.act("pardon")
            make_flat(paper)


@pytest.mark.long
@pytest.mark.parametrize("name", FOR_GOOD)
def test_so_it_is_when_the_exchange_itself_changes(db: Database, name: str) -> None:
    with (
        PaperExchangeProcess(*PAPER) as own,
        venue_at(db, own, read_timeout_seconds=ANSWER_SECONDS) as venue,
    ):
        stop_under(venue, name)


def test_every_fault_is_tried_or_has_a_reason() -> None:
    assert {*MET, *FOR_GOOD, *NOT_HEARD} == set(CATALOGUE)


@contextmanager
def frozen(paper: PaperExchangeProcess) -> Iterator[Callable[[], None]]:
    """Nothing is answered and nothing refused, until the yielded function is called."""
    process = psutil.Process(paper.pid)
    process.suspend()
    try:
        yield process.resume
    finally:
        process.resume()


def test_a_frozen_exchange_delays_no_seal_and_takes_nothing_that_it_finds_later(
    db: Database, paper: PaperExchangeProcess
) -> None:
    """No timeout of ours ends before the test does: the seal waits for none."""
    patient = {"read_timeout_seconds": 2 * PATIENCE_SECONDS}
    reports: list[HaltReport] = []
    with venue_at(db, paper, **patient) as venue:
        desk = venue.desk
        slices = put_under_way(venue)
        with Sending(desk, paper, patient).running() as sending:
            eventually(lambda: SendResult.SENT in sending.results, "the first slice")
            with frozen(paper) as go_on:
                eventually(
                    lambda: any(c.state == ChildState.SENDING for c in desk.children(slices)),
                    "a post that hangs",
                )
                halt = halting(venue)
                latched = halt.set_halted("test", "me")
                following = threading.Thread(
                    target=lambda: reports.append(
                        halt.follow(latched, HaltReach(cancel=True), actor="me")
                    )
                )
                following.start()
                seal = eventually(lambda: seal_of(db), "the seal")
                eventually(lambda: datetime.now(UTC) > seal, "the time of the seal")
                assert following.is_alive(), "its cancels hang"
                go_on()
            following.join(PATIENCE_SECONDS)
        (report,) = reports
        assert report.sealed_at == seal
        assert adding_after(paper, seal) == []
        refused = [c for c in desk.children(slices) if c.state == ChildState.CANCELLED]
        assert refused
        make_flat(paper)
