"""A halt is proven when everything that was asked for is verified, and not before."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.clock import FixedClock
from bot.safety.flattening import FlatReport
from bot.safety.halt_report import HaltReport
from bot.state.scope import EVERYTHING
from console.runtime.halt_steps import HaltOrder, HaltOutcome
from console.web import halts
from console.web.halts import HaltJob, Halts
from models.enums import TradingState
from tests.support.waiting import eventually

NOW = datetime(2026, 11, 30, tzinfo=UTC)
REPORT = HaltReport(
    *("global:*", TradingState.HALTED, False, NOW, NOW, 1, 1, 0, (), 1, 0, ()),
    cancelled_at=NOW,
    clean_at=NOW,
)
FLAT = FlatReport(NOW, (), (), ())


class Steps:
    """Steps that end as they are told."""

    def __init__(self, error: Exception | None = None) -> None:
        self._error = error

    def set_halted(self) -> bool:
        return False

    def carry_out(self, already: bool, *, reported: Callable[[HaltReport], None]) -> HaltOutcome:
        if self._error is not None:
            raise self._error
        reported(REPORT)
        return HaltOutcome(REPORT, None, flattens=False)

    def record(self, outcome: HaltOutcome) -> HaltOutcome:
        return outcome


def job(**changes: object) -> HaltJob:
    order = HaltOrder(EVERYTHING, "drill", cancel=True, flatten=True)
    found = HaltJob("1", order, "ann", NOW, False, report=REPORT, flat=FLAT)
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


def test_a_halt_is_followed_and_a_failed_step_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halts, "KEPT", 2)
    known, order = Halts(FixedClock(NOW)), HaltOrder(EVERYTHING, "drill")
    good = known.begin(order, "ann", None, Steps())  # type: ignore[arg-type]
    bad = known.begin(order, "ann", None, Steps(ValueError()))  # type: ignore[arg-type]
    eventually(lambda: good.ended_at and bad.ended_at, "both ends")
    assert (good.report, good.failure) == (REPORT, None)
    assert bad.failure is not None and "emergency worker" in bad.failure
    assert known.find(good.number) is good
    known.begin(order, "ann", None, Steps())  # type: ignore[arg-type]
    assert known.find(good.number) is None
