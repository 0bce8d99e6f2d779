"""A drill's times: from its begin to each proof, none where the proof is missing."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.safety.halting.flattening import FlatReport
from bot.safety.halting.report import HaltReport
from console.runtime.halts.drilling import PROOFS, _seconds
from console.runtime.halts.halt_steps import HaltOutcome
from models.enums import TradingState

BEGAN = datetime(2026, 11, 30, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


REPORT = HaltReport(
    *("global:*", TradingState.HALTED, False, after(0.01), after(0.2), 1, 1, 0, (), 1, 0, ()),
    cancelled_at=after(0.3),
    clean_at=after(0.4),
)
FLAT = FlatReport(after(1.5), (), (), ())


def test_each_proof_has_its_time() -> None:
    found = _seconds(HaltOutcome(REPORT, FLAT, flattens=True), BEGAN)
    assert found == {"latched": 0.01, "sealed": 0.2, "clean": 0.4, "flat": 1.5}
    assert tuple(found) == PROOFS


def test_a_proof_that_is_missing_has_none_and_the_halt_is_not_complete() -> None:
    whole = HaltOutcome(REPORT, FLAT, flattens=True)
    assert whole.is_complete
    for lacking in (
        HaltOutcome(REPORT, None, flattens=True),
        HaltOutcome(REPORT, replace(FLAT, flat_at=None), flattens=True),
        HaltOutcome(replace(REPORT, sealed_at=None), FLAT, flattens=True),
    ):
        assert None in _seconds(lacking, BEGAN).values()
        assert not lacking.is_complete
    assert not replace(whole, report=replace(REPORT, problems=("a step failed",))).is_complete
