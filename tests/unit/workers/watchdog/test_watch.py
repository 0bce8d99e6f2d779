"""What the watchdog does in a silence, with an exchange and a clock of the tests."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.clock import SystemClock
from workers.watchdog.journal import Journal
from workers.watchdog.venue import RestingOrder, VenueError
from workers.watchdog.watch import ONE_BY_ONE, Watchdog

T0 = datetime(2026, 1, 1, tzinfo=UTC)
LOOK = 0.5
STOP = RestingOrder("mr-stop", "BTCUSDT", reduces=True, conditional=True)
EXIT = RestingOrder("mr-exit", "BTCUSDT", reduces=True, conditional=False)
OTHERS = RestingOrder("by-hand", "BTCUSDT", reduces=False, conditional=False)


def adding(count: int) -> list[RestingOrder]:
    return [RestingOrder(f"mr-{n}", "BTCUSDT", False, False) for n in range(count)]


@dataclass
class Book:
    """An exchange that holds orders; `failures` calls fail first."""

    orders: list[RestingOrder] = field(default_factory=list)
    failures: int = 0
    calls: list[str] = field(default_factory=list)

    def resting(self) -> list[RestingOrder]:
        self._call("resting")
        return list(self.orders)

    def cancel(self, order: RestingOrder) -> None:
        self._call("cancel")
        self.orders.remove(order)

    def cancel_all(self) -> None:
        self._call("cancel_all")
        gone = [order for order in self.orders if not order.conditional][:500]
        self.orders = [order for order in self.orders if order not in gone]

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if self.failures:
            self.failures -= 1
            raise VenueError("the exchange is away")


@dataclass
class Story:
    """A watchdog, its exchange and what the audit was told."""

    book: Book
    path: Path
    recorded: list[tuple[str, list[dict[str, Any]]]] = field(default_factory=list)
    has_database: bool = True
    moment: float = 0.0
    watchdog: Watchdog = field(init=False)

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(self.book, Journal(self.path), SystemClock(), self._record)

    def _record(self, silence_id: str, acts: list[dict[str, Any]]) -> bool:
        if self.has_database:
            self.recorded.append((silence_id, acts))
        return self.has_database

    def live(self, seconds: float) -> None:
        """The system gives a sign each second."""
        for _ in range(int(seconds / LOOK)):
            self.moment += LOOK
            self.watchdog.look(T0 + timedelta(seconds=int(self.moment)), self.moment)
        self.watchdog.record_acts()

    def be_silent(self, seconds: float) -> None:
        for _ in range(int(seconds / LOOK)):
            self.moment += LOOK
            self.watchdog.look(None, self.moment)


@pytest.fixture
def story(tmp_path: Path) -> Story:
    found = Story(Book(), tmp_path / "acts.jsonl")
    found.live(5)
    return found


@pytest.mark.parametrize("count", [1, ONE_BY_ONE, ONE_BY_ONE + 1, 600])
def test_what_adds_risk_is_gone_within_two_seconds_and_stops_stay(story: Story, count: int) -> None:
    story.book.orders = [STOP, *adding(count)]
    story.be_silent(9)
    assert story.book.calls == []
    story.be_silent(3)
    assert story.book.orders == [STOP]


def test_few_orders_go_one_by_one_and_spare_exits_and_other_people(story: Story) -> None:
    story.book.orders = [STOP, EXIT, OTHERS, *adding(3)]
    story.be_silent(12)
    assert story.book.orders == [STOP, EXIT, OTHERS]
    assert "cancel_all" not in story.book.calls


def test_it_goes_on_while_the_silence_lasts(story: Story) -> None:
    story.book.orders, story.book.failures = adding(2), 7
    story.be_silent(20)
    assert story.book.orders == []
    story.book.orders = adding(2)  # a sender that woke up
    story.be_silent(1)
    assert story.book.orders == []


def test_a_living_system_is_left_alone(story: Story) -> None:
    story.book.orders = adding(2)
    story.live(600)
    assert story.book.calls == []


def test_acts_are_told_to_the_audit_once_when_the_system_is_back(story: Story) -> None:
    story.book.orders = adding(2)
    story.be_silent(12)
    assert story.recorded == []
    story.has_database = False
    story.live(3)
    assert story.recorded == []
    story.has_database = True
    story.live(3)
    story.live(3)
    ((_, acts),) = story.recorded
    assert [act["order_link_ids"] for act in acts] == [["mr-0", "mr-1"]]


def test_a_watchdog_that_died_has_its_acts_told_by_the_next_one(story: Story) -> None:
    story.book.orders = adding(1)
    story.be_silent(12)
    with story.path.open("ab") as file:
        file.write(b'{"event": "act')  # killed while it wrote
    after = Story(Book(adding(1)), story.path)
    after.live(3)
    assert len(after.recorded) == 1
    after.be_silent(12)
    after.live(3)
    assert len(after.recorded) == 2
    last = Story(Book(), story.path)
    last.live(3)
    assert last.recorded == []


def test_a_full_disk_keeps_no_order_alive(story: Story, tmp_path: Path) -> None:
    story.book.orders = adding(1)
    story.watchdog.journal = Journal(tmp_path)  # a directory can't be written
    story.be_silent(12)
    assert story.book.orders == []
