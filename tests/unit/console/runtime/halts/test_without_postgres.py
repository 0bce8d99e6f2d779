"""The last resort of a halt: it closes, and closes again once no claimed order can arrive."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from bot.clock import FixedClock
from bot.execution.orders.identity import is_direct_exit
from bot.safety.halting.flattening import FlatReport
from bot.state import halt_journal
from bot.state.halt_journal import JournalledHalt
from bot.state.scope import EVERYTHING
from console.runtime.halts.without_postgres import LastResort, in_words
from models.enums import TradeSide
from tests.support.fakes import T0
from tests.unit.bot.safety.halting.test_direct_flattening import Paper


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return tmp_path


def halted(home: Path, at_seconds: float = 0) -> JournalledHalt:
    at = T0 + timedelta(seconds=at_seconds)
    halt = JournalledHalt(at, "me", "drill", "global", cancel=True, flatten=True)
    halt_journal.write(home, halt)
    return halt


def resort(paper: Paper, home: Path, halt: JournalledHalt, waited: list[float]) -> LastResort:
    def sleep(seconds: float) -> None:
        waited.append(seconds)
        if seconds > 1:
            paper.enter(TradeSide.BUY, "0.3")  # an order that was claimed before arrives

    return LastResort(
        paper.venue, FixedClock(T0), home, "paper", EVERYTHING, halt.at, lambda: "cancelled", sleep
    )


def test_an_order_that_arrives_late_is_closed_as_well(home: Path) -> None:
    paper, waited = Paper(), list[float]()
    paper.enter(TradeSide.BUY)
    flat, said = resort(paper, home, halted(home), waited).flatten()
    assert paper.venue.positions() == []
    assert (flat.flat_at is not None, said) == (True, "cancelled")
    assert 5.4 in waited, "the time in which the exchange takes a claimed request"
    exits = halt_journal.read(home).exits
    assert len(flat.requests) == 2
    assert [line.outcome for line in exits] == ["", "accepted", "", "accepted"]
    assert all(is_direct_exit(line.order_link_id) for line in exits)


def test_a_halt_that_is_repeated_uses_the_ids_of_the_first(home: Path) -> None:
    paper = Paper()
    paper.enter(TradeSide.BUY)
    resort(paper, home, halted(home), []).flatten()
    first = {line.order_link_id for line in halt_journal.read(home).exits}
    again = halted(home, at_seconds=3)
    journal = resort(paper, home, again, [])._journal()
    assert journal.since == T0
    assert {line.order_link_id for line in journal.read().exits} == first


def test_both_cancels_are_told(home: Path) -> None:
    said = iter(["12 cancelled", "0 cancelled"])
    last_resort = replace(resort(Paper(), home, halted(home), []), cancel=lambda: next(said))
    assert last_resort.flatten()[1] == "12 cancelled; then 0 cancelled"


def test_the_words_say_what_is_left() -> None:
    done = FlatReport(T0, ("mf-1",), (), (), 2)
    assert in_words(done) == (
        "FLAT: the exchange reports no position; 1 closing orders sent, 2 protective stops "
        "cancelled"
    )
    left = FlatReport(None, (), ("BTCUSDT",), ("no route",))
    assert in_words(left) == "NOT FLAT: BTCUSDT remain; 0 closing orders sent; no route"
