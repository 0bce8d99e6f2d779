"""The document's "Alerting System": which event has which level."""

import logging

import pytest

from bot.risk import AlertLevel, MLRiskManager
from bot.risk.alerts import LOG_LEVELS, loudest, of_breaker, of_decision, of_entry
from models.enums import CircuitBreakerType, Verdict

LOSS = CircuitBreakerType.DAILY_LOSS_LIMIT
MODEL = CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED


@pytest.mark.parametrize("verdict", Verdict)
@pytest.mark.parametrize("risk", ["very_low", "low", "moderate"])
def test_trade_approvals_and_blocks_are_information(verdict: str, risk: str) -> None:
    """ "Info Level: trade approvals and blocks"."""
    assert of_decision(verdict, risk) is AlertLevel.INFO


@pytest.mark.parametrize("risk", ["high", "very_high", "extreme"])
def test_high_risk_trades_approved_are_a_warning(risk: str) -> None:
    """ "Warning Level: high risk trades approved"."""
    assert of_decision("allow", risk) is AlertLevel.WARNING
    assert of_decision("shrink", risk) is AlertLevel.WARNING
    assert of_decision("deny", risk) is AlertLevel.INFO


def test_a_decision_of_before_risk_was_recorded_is_information() -> None:
    assert of_entry("decision", {"verdict": "allow", "reasons": []}) is AlertLevel.INFO


@pytest.mark.parametrize("kind", sorted({*CircuitBreakerType} - {LOSS}))
def test_a_circuit_breaker_activation_is_a_warning(kind: str) -> None:
    """ "Warning Level: circuit breaker activations, model performance degradation"."""
    assert of_breaker(kind, others=0, value=0.35, limit=0.4) is AlertLevel.WARNING


@pytest.mark.parametrize("kind", [LOSS, "liquidation", "auto_deleveraging"])
def test_a_breach_of_a_risk_limit_is_critical(kind: str) -> None:
    """ "Critical Level: risk limit breaches"."""
    assert of_breaker(kind, others=0, value="0.05", limit="0.03") is AlertLevel.CRITICAL


@pytest.mark.parametrize("kind", CircuitBreakerType)
def test_a_second_breaker_is_an_emergency(kind: str) -> None:
    """ "Emergency Level: multiple circuit breaker triggers"."""
    payload = {"breaker": kind, "value": "1", "limit": "1", "beside": ["volatility_spike"]}
    assert of_entry("breaker_tripped", payload) is AlertLevel.EMERGENCY


def test_a_model_that_is_mostly_wrong_is_an_emergency() -> None:
    """ "Emergency Level: severe model malfunctions"."""
    assert of_breaker(MODEL, others=0, value=0.19, limit=0.4) is AlertLevel.EMERGENCY
    assert of_breaker(MODEL, others=0, value=0.2, limit=0.4) is AlertLevel.WARNING


@pytest.mark.parametrize("kind", ["halted", "request_parked", "order_lost", "exit_unfilled"])
def test_stops_and_failures_are_critical(kind: str) -> None:
    """ "Critical Level: emergency stop activations, system failures"."""
    assert of_entry(kind, {}) is AlertLevel.CRITICAL


def test_an_exit_that_ends_as_its_strategy_asked_is_information() -> None:
    assert of_entry("exit_unfilled", {"as_asked": True}) is AlertLevel.INFO
    assert of_entry("exit_unfilled", {"as_asked": False}) is AlertLevel.CRITICAL


@pytest.mark.parametrize(
    "kind", ["cancelled_at_exchange", "foreign_entries_dropped", "orphan_called_back"]
)
def test_what_others_do_to_our_orders_and_messages_is_critical(kind: str) -> None:
    """As loud as the line in the log that tells of the same."""
    assert of_entry(kind, {}) is AlertLevel.CRITICAL


def test_a_refused_login_is_a_warning_and_a_locked_operator_critical() -> None:
    assert of_entry("login_refused", {"locked_until": None}) is AlertLevel.WARNING
    locked = {"locked_until": "2026-03-01T12:00:00+00:00"}
    assert of_entry("login_refused", locked) is AlertLevel.CRITICAL


def test_a_silent_workers_restart_is_a_warning_and_a_repeated_one_critical() -> None:
    assert of_entry("worker_restarted", {"again": False}) is AlertLevel.WARNING
    assert of_entry("worker_restarted", {"again": True}) is AlertLevel.CRITICAL


def test_a_backup_plan_is_critical_when_it_ends_the_trade() -> None:
    assert of_entry("backup_plan", {"stops": True}) is AlertLevel.CRITICAL
    assert of_entry("backup_plan", {"stops": False}) is AlertLevel.INFO


@pytest.mark.parametrize("kind", ["fill", "child_outcome", "parent_ended", "resumed"])
def test_routine_is_information(kind: str) -> None:
    """ "Info Level: routine system status updates"."""
    assert of_entry(kind, {}) is AlertLevel.INFO


def test_a_complete_system_failure_is_an_emergency_and_its_end_is_information() -> None:
    """ "Emergency Level: complete system failures"."""
    assert of_entry("system_failure", {}) is AlertLevel.EMERGENCY
    assert of_entry("system_failure_over", {}) is AlertLevel.INFO


def test_levels_rise_in_the_documents_order() -> None:
    assert loudest([]) is AlertLevel.INFO
    assert loudest(reversed(AlertLevel)) is AlertLevel.EMERGENCY
    assert list(LOG_LEVELS) == list(AlertLevel)
    assert sorted(LOG_LEVELS.values()) == list(LOG_LEVELS.values())
    assert LOG_LEVELS[AlertLevel.EMERGENCY] == logging.CRITICAL


def test_a_notebooks_stop_and_breakers_carry_their_levels() -> None:
    it = MLRiskManager()
    assert it.check_and_trigger_circuit_breakers({}).alert_level is AlertLevel.INFO
    first = it.check_and_trigger_circuit_breakers({"data_age_seconds": 60})
    assert first.alert_level is AlertLevel.WARNING
    second = it.check_and_trigger_circuit_breakers({"volatility_ratio": 9})
    assert second.alert_level is AlertLevel.EMERGENCY
    wrong = MLRiskManager()
    for _ in range(20):
        wrong.record_prediction_outcome(correct=False)
    assert wrong.check_and_trigger_circuit_breakers({}).alert_level is AlertLevel.EMERGENCY
    stopped = it.activate_emergency_stop("doubt", override_code="kept")
    assert stopped.alert_level is AlertLevel.CRITICAL
    assert it.activate_emergency_stop("again").alert_level is AlertLevel.INFO
    assert it.release_emergency_stop("clear", "kept").alert_level is AlertLevel.INFO
