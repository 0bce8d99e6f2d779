"""Alert levels of events, as in "Alerting System" of the original interface.

A level is a function of recorded facts. An alert of a level above info is a row, which the
transaction with the audit entry writes (`models.alerts.raising`).
"""

from collections.abc import Iterable, Mapping
from typing import Any

from models.enums import AlertLevel, CircuitBreakerType, MLRiskLevel, Verdict

_HIGH_RISK = {MLRiskLevel.HIGH, MLRiskLevel.VERY_HIGH, MLRiskLevel.EXTREME}
_ACTIVATIONS = {*CircuitBreakerType} - {CircuitBreakerType.DAILY_LOSS_LIMIT}
"""Breakers that watch conditions. A reached loss limit, and an act of the exchange on a position,
are breaches instead."""
_SEVERE_SHARE = 0.5
"""Below this share of the required hit rate a model counts as malfunctioning, not degraded."""

_WARNINGS = {
    "exit_gave_way",
    "fact_parked",
    "foreign_order",
    "foreign_orders",
    "foreign_fill",
    "late_fill",
    "messages_refused",
    "parent_end_corrected",
    "position_alert",
    "protective_stop_called_back",
    "request_held",
    "reservation_repaired",
    "signature_expired",
    "signature_invalid",
    "signature_missing",
    "signature_outdated",
    "size_shrunk",
    "soft_block",
    "strategy_fell",
    "symbol_refused",
    "trading_lease_withheld",
}
_CRITICAL = {
    "account_unfit",
    "cancelled_at_exchange",
    "direct_exit",
    "direct_exit_fill",
    "exit_denied",
    "exit_goes_at_once",
    "fill_without_child",
    "foreign_account_refused",
    "foreign_entries_dropped",
    "halted",
    "market_forged",
    "order_called_back",
    "order_lost",
    "orders_without_child",
    "orphan_called_back",
    "overfill",
    "parent_set_aside",
    "position_drawdown",
    "position_exit",
    "recovery_fell_back",
    "protective_stop_failed",
    "protective_stop_fill",
    "request_parked",
    "steps_failing",
    "watchdog_acted",
    "liquidation",
    "auto_deleveraging",
    "symbol_settlement",
}
"""The system or the exchange failed, or a person stopped it."""
_EMERGENCIES = {"emergency_triggered", "system_failure"}
"""The system has stopped itself, or is down because a server that it needs is gone."""


def of_decision(verdict: str, risk_level: str | None) -> AlertLevel:
    """Approvals and blocks are information, except for an approved trade of high risk."""
    approved = verdict != Verdict.DENY
    return AlertLevel.WARNING if approved and risk_level in _HIGH_RISK else AlertLevel.INFO


def of_breaker(kind: str, *, others: int, value: object = None, limit: object = None) -> AlertLevel:
    """`others` are the breakers that are tripped beside it."""
    if others > 0:
        return AlertLevel.EMERGENCY
    if kind == CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED and _is_severe(value, limit):
        return AlertLevel.EMERGENCY
    return AlertLevel.WARNING if kind in _ACTIVATIONS else AlertLevel.CRITICAL


def loudest(levels: Iterable[AlertLevel]) -> AlertLevel:
    """The highest of the given levels; INFO when there is none."""
    return max(levels, key=[*AlertLevel].index, default=AlertLevel.INFO)


def of_entry(kind: str, payload: Mapping[str, Any]) -> AlertLevel:
    """The level of an audit entry; kinds that are not named here are routine."""
    if kind == "decision":
        return of_decision(payload["verdict"], payload.get("risk_level"))
    if kind == "breaker_tripped":
        return of_breaker(
            payload["breaker"],
            others=len(payload.get("beside", ())),
            value=payload.get("value"),
            limit=payload.get("limit"),
        )
    if kind in ("login_refused", "code_refused"):
        return AlertLevel.CRITICAL if payload.get("locked_until") else AlertLevel.WARNING
    if kind == "backup_plan":
        return AlertLevel.CRITICAL if payload.get("stops") else AlertLevel.INFO
    if kind == "exit_unfilled":
        return AlertLevel.INFO if payload.get("as_asked") else AlertLevel.CRITICAL
    if kind == "worker_restarted":
        return AlertLevel.CRITICAL if payload.get("again") else AlertLevel.WARNING
    if kind in _EMERGENCIES:
        return AlertLevel.EMERGENCY
    if kind in _CRITICAL:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if kind in _WARNINGS else AlertLevel.INFO


def _is_severe(value: object, limit: object) -> bool:
    """Whether a breaker's value is severe. A text that is no number, as other breakers have it, is
    not."""
    try:
        return float(str(value)) < _SEVERE_SHARE * float(str(limit))
    except ValueError:
        return False
