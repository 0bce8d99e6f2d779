"""What really happens is recorded with what its alert level follows from."""

import logging

import pytest
from sqlalchemy import select

from bot.risk import AlertLevel
from bot.risk.alerts import of_entry
from bot.safety.halting.halt import TradingHalt
from bot.safety.monitor import Monitor
from console.views.request_facts import request_facts
from models.enums import CircuitBreakerType
from models.tables import AuditRow
from tests.support.desk import Desk

pytestmark = pytest.mark.services


def levels(desk: Desk, kind: str) -> list[AlertLevel]:
    with desk.db.reading() as session:
        entries = session.scalars(
            select(AuditRow).where(AuditRow.kind == kind).order_by(AuditRow.at, AuditRow.seq)
        ).all()
    return [of_entry(entry.kind, entry.payload) for entry in entries]


def trip(desk: Desk, monitor: Monitor, kind: CircuitBreakerType) -> None:
    with desk.db.unit_of_work() as uow:
        assert monitor._trip(uow, kind, value="1", limit="0", reason="drill", now=desk.clock.now())
        uow.commit()


def test_approvals_and_blocks_are_information_and_shown_as_such(desk: Desk) -> None:
    """ "Info Level: trade approvals and blocks"."""
    assert desk.approve("good")["verdict"] == "allow"
    assert desk.approve("bad", ml_predictions={"confidence": 0.1})["verdict"] == "deny"
    assert levels(desk, "decision") == [AlertLevel.INFO, AlertLevel.INFO]
    with desk.db.reading() as session:
        facts = request_facts(session, "good")
    assert facts is not None
    assert {entry["level"] for entry in facts["audit"]} == {"info"}


def test_an_approved_trade_of_high_risk_is_a_warning(desk: Desk) -> None:
    """ "Warning Level: high risk trades approved"."""
    desk.limits.change(
        min_confidence=0.0, max_uncertainty=1.0, min_ensemble_agreement=0.0,
        min_prediction_stability=0.0, full_size_confidence=0.55, full_size_uncertainty=0.6,
    )  # fmt: skip
    doubtful = {
        "confidence": 0.55,
        "uncertainty": 0.6,
        "ensemble_agreement": 0.1,
        "prediction_stability": 0.1,
        "member_probabilities": [0.55, 0.55, 0.55],
    }
    outcome = desk.approve(
        "doubtful", ml_predictions=doubtful, signal_data={"position_size": "20000"}
    )
    assert outcome["verdict"] in ("allow", "shrink"), outcome
    assert levels(desk, "decision") == [AlertLevel.WARNING]


def test_breakers_are_a_warning_and_an_emergency_together(
    desk: Desk, monitor: Monitor, caplog: pytest.LogCaptureFixture
) -> None:
    """ "Warning: circuit breaker activations", "Emergency: multiple circuit breaker triggers"."""
    desk.approve()
    trip(desk, monitor, CircuitBreakerType.DATA_QUALITY_ISSUE)
    trip(desk, monitor, CircuitBreakerType.VOLATILITY_SPIKE)
    assert levels(desk, "breaker_tripped") == [AlertLevel.WARNING, AlertLevel.EMERGENCY]
    said = [line for line in caplog.records if "breaker tripped" in line.getMessage()]
    assert [line.levelno for line in said] == [logging.WARNING, logging.CRITICAL]
    assert [getattr(line, "alert", None) for line in said] == ["warning", "emergency"]


def test_a_lost_days_limit_is_critical(desk: Desk, monitor: Monitor) -> None:
    """ "Critical Level: risk limit breaches"."""
    desk.approve()
    trip(desk, monitor, CircuitBreakerType.DAILY_LOSS_LIMIT)
    assert levels(desk, "breaker_tripped") == [AlertLevel.CRITICAL]


def test_a_halt_is_critical(desk: Desk) -> None:
    """ "Critical Level: emergency stop activations"."""
    TradingHalt(desk.db, desk.clock).halt(reason="drill", actor="desk:bob")
    assert levels(desk, "halted") == [AlertLevel.CRITICAL]
    assert set(levels(desk, "halt_sealed")) <= {AlertLevel.INFO}
