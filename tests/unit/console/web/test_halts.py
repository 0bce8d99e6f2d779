"""A halt is proven when everything that was asked for is verified, and not before."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from bot.clock import FixedClock
from bot.safety.halting.flattening import FlatReport
from bot.safety.halting.latching import Latched
from bot.safety.halting.report import HaltReport
from bot.state.scope import EVERYTHING
from console.errors import CommandError
from console.runtime.halts.halt_steps import HaltOrder, HaltOutcome, WithoutPostgres
from console.web import halts
from console.web.halts import HaltJob, Halts, Hold
from models.enums import TradingState
from tests.support.waiting import PATIENCE_SECONDS, eventually

NOW = datetime(2026, 11, 30, tzinfo=UTC)
REPORT = HaltReport(
    *("global:*", TradingState.HALTED, False, NOW, NOW, 1, 1, 0, (), 1, 0, ()),
    cancelled_at=NOW,
    clean_at=NOW,
)
FLAT = FlatReport(NOW, (), (), ())
LATCHED = Latched(already=False, at=NOW)


class Steps:
    """Steps that end as they are told."""

    def __init__(
        self, error: Exception | None = None, latched: Latched | WithoutPostgres = LATCHED
    ) -> None:
        self._error = error
        self._latched = latched

    def set_or_journal(self) -> Latched | WithoutPostgres:
        return self._latched

    def close(self) -> None:
        pass

    def carry_out(self, latched: Latched, *, reported: Callable[[HaltReport], None]) -> HaltOutcome:
        if self._error is not None:
            raise self._error
        reported(REPORT)
        return HaltOutcome(REPORT, None, flattens=False)

    def record(self, outcome: HaltOutcome) -> HaltOutcome:
        return outcome


def job(**changes: object) -> HaltJob:
    order = HaltOrder(EVERYTHING, "drill", cancel=True, flatten=True)
    found = HaltJob("1", order, "ann", NOW, Hold.HALTED, report=REPORT, flat=FLAT)
    for name, value in changes.items():
        setattr(found, name, value)
    return found


def test_all_that_was_asked_for_is_proven() -> None:
    assert job().is_proven
    assert job(order=HaltOrder(EVERYTHING, "drill"), flat=None).is_proven


@pytest.mark.parametrize(
    "missing",
    [
        {"report": None},
        {"report": replace(REPORT, sealed_at=None)},
        {"report": replace(REPORT, clean_at=None)},
        {"report": replace(REPORT, problems=("a step failed",))},
        {"flat": None},
        {"flat": replace(FLAT, flat_at=None)},
        {"failure": "ValueError"},
    ],
)
def test_whatever_lacks_leaves_it_unproven(missing: dict[str, object]) -> None:
    assert not job(**missing).is_proven


def begin(known: Halts, order: HaltOrder, steps: Any, note: str | None = None) -> HaltJob:
    return known.begin(order, "ann", steps, lambda _: note)


def test_a_halt_is_followed_and_a_failed_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halts, "KEPT", 2)
    known, order = Halts(FixedClock(NOW)), HaltOrder(EVERYTHING, "drill")
    good = begin(known, order, Steps(), "it changed")
    bad = begin(known, order, Steps(ValueError()))
    eventually(lambda: good.ended_at and bad.ended_at, "both ends")
    assert (good.report, good.failure, good.note) == (REPORT, None, "it changed")
    assert good.state_line == "HALTED and proven"
    assert bad.failure is not None and "emergency worker" in bad.failure
    assert bad.state_line == "HALTED, but not everything is proven"
    assert known.find(good.number) is good
    begin(known, order, Steps())
    assert known.find(good.number) is None


FLATTENS = HaltOrder(EVERYTHING, "drill", flatten=True)


@pytest.mark.parametrize(
    ("journalled", "words"),
    [(True, "HALTED by this home's journal"), (False, "NOT HALTED")],
)
def test_without_postgres_the_page_comes_at_once_and_tells_how_it_ends(
    journalled: bool, words: str
) -> None:
    """Seen: the request itself closed the positions, and held its browser for a minute."""
    may_end = threading.Event()

    def act() -> CommandError:
        assert may_end.wait(PATIENCE_SECONDS)
        return CommandError("FLAT: the exchange reports no position")

    away = OperationalError("", {}, Exception("no route"))
    steps = Steps(latched=WithoutPostgres(away, CommandError("no route"), journalled, act))
    try:
        job = begin(Halts(FixedClock(NOW)), FLATTENS, steps)
        eventually(lambda: job.known, "what is known at once")
        assert (job.known, job.ended_at) == ("no route", None)
        assert job.state_line.startswith(f"{words}; ")
    finally:
        may_end.set()
    eventually(lambda: job.ended_at, "the end")
    assert job.known == "FLAT: the exchange reports no position"
    assert job.state_line.startswith(words) and "under way" not in job.state_line
    assert not job.is_proven


def test_a_postgres_that_hangs_keeps_nobody_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halts, "ANSWER_SECONDS", 0.01)
    may_end = threading.Event()

    class Hangs(Steps):
        def set_or_journal(self) -> Latched:
            assert may_end.wait(PATIENCE_SECONDS)
            return Latched(already=True, at=NOW)

    try:
        job = begin(Halts(FixedClock(NOW)), FLATTENS, Hangs())
        assert (job.hold, job.ended_at) == (Hold.ASKED, None)
        assert "has not answered yet" in job.state_line
    finally:
        may_end.set()
    eventually(lambda: job.ended_at, "the end")
    assert (job.hold, job.already) == (Hold.HALTED, True)


def test_a_halt_that_fails_before_its_state_is_told_as_none() -> None:
    class Fails(Steps):
        def set_or_journal(self) -> Latched:
            raise ValueError

    job = begin(Halts(FixedClock(NOW)), FLATTENS, Fails())
    eventually(lambda: job.ended_at, "the end")
    assert (job.state_line, job.hold) == ("NOT HALTED", Hold.NOT_HALTED)
    assert job.failure == "ValueError: run `mlrisk halt`, and look at the exchange"
