"""A calibration reads the decisions that were made under the limits in force."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.reports.calibrating import Calibration, calibrate
from bot.reports.calibration import Proposal, Reviewed
from bot.risk.limits import RiskLimits
from bot.safety.stress_load import STRATEGIES
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services

HOUR = timedelta(hours=1)


def reviewed(desk: Desk, limits: RiskLimits | None = None) -> Calibration:
    now = desk.clock.now()
    with desk.db.reading() as session:
        return calibrate(session, ACCOUNT, limits or desk.limits.value, now - HOUR, now + HOUR)


def of(found: Calibration, path: str) -> Reviewed:
    (one,) = (each for each in found.limits if each.path == path)
    return one


def test_decisions_are_read_by_limit_with_what_decided(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.reports.calibrating._BATCH", 2)
    desk.approve("r-1")
    desk.approve("r-2", ml_predictions={"confidence": 0.3})
    desk.approve("r-3", signal_data={"position_size": "15000"})
    found = reviewed(desk)
    assert (found.decisions, found.first_decision_at) == (3, desk.clock.now())
    confidence = of(found, "ml_risk_thresholds.min_confidence")
    assert (confidence.check, confidence.readings.asked) == ("confidence", 3)
    assert (confidence.readings.reached, confidence.readings.deciding) == (1, 1)
    assert confidence.readings.headroom(1.0) == pytest.approx(1 - 0.6 / 0.3)
    assert confidence.proposal is Proposal.KEEP
    size = of(found, "ml_risk_thresholds.max_position_size")
    assert size.readings.reached == 1
    assert sum(each.readings.deciding for each in found.limits) >= 2, "a cap decided as well"
    assert of(found, "gate.hard_caps").proposal is Proposal.NOT_JUDGED
    assert sum(found.counts().values()) == len(found.limits) + len(found.breakers)


def test_decisions_under_another_value_say_nothing_about_it(desk: Desk) -> None:
    desk.approve("r-1")
    tighter = replace(desk.limits.value, max_position_share=Decimal("0.05"))
    found = reviewed(desk, tighter)
    assert of(found, "ml_risk_thresholds.max_position_size").readings.asked == 0
    assert of(found, "ml_risk_thresholds.min_confidence").readings.asked == 1


def test_stress_tests_are_left_out(desk: Desk) -> None:
    for strategy in STRATEGIES:
        desk.approve(f"r-{strategy}", metadata={"strategy": strategy})
    assert reviewed(desk).decisions == 0
