"""How loud an event is: the levels of the user's document, "Alerting System".

A level is a function of what is recorded anyway, so that it is never stored and never disagrees.
"""

import logging
from collections.abc import Iterable, Mapping
from typing import Any

from bot.risk.portfolio.kinds import AlertLevel
from models.enums import CircuitBreakerType, MLRiskLevel, Verdict

LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.CRITICAL: logging.CRITICAL,
    AlertLevel.EMERGENCY: logging.CRITICAL,
}
"""Logging knows nothing above critical; the line's field `alert` does."""
_HIGH_RISK = {MLRiskLevel.HIGH, MLRiskLevel.VERY_HIGH, MLRiskLevel.EXTREME}
_ACTIVATIONS = {*CircuitBreakerType} - {CircuitBreakerType.DAILY_LOSS_LIMIT}
"""Breakers that watch conditions. A loss limit that is reached, and what the exchange does to a
position by itself, are breaches."""
_SEVERE_SHARE = 0.5
"""A model that is right less than half as often as it must be doesn't degrade: it malfunctions."""

_WARNINGS = {
    "exit_gave_way",
    "fact_parked",
    "foreign_order",
    "foreign_orders",
    "foreign_fill",
    "late_fill",
    "messages_refused",
    "parent_end_corrected",
    "reservation_repaired",
    "signature_expired",
    "signature_invalid",
    "signature_missing",
    "signature_outdated",
    "symbol_refused",
}
_CRITICAL = {
    "account_unfit",
    "cancelled_at_exchange",
    "exit_denied",
    "exit_goes_at_once",
    "exit_unfilled",
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
    "request_parked",
    "steps_failing",
    "liquidation",
    "auto_deleveraging",
    "symbol_settlement",
}
"""The system or the exchange failed, or a person stopped it."""
_EMERGENCIES = {"system_failure"}
"""All of the system is down, for what it stands on is gone."""


def of_decision(verdict: str, risk_level: str | None) -> AlertLevel:
    """Approvals and blocks are information, but for an approved trade of high risk."""
    approved = verdict != Verdict.DENY
    return AlertLevel.WARNING if approved and risk_level in _HIGH_RISK else AlertLevel.INFO


def of_breaker(kind: str, *, others: int, value: object = None, limit: object = None) -> AlertLevel:
    """`others` are the breakers that are latched beside it."""
    if others > 0:
        return AlertLevel.EMERGENCY
    if kind == CircuitBreakerType.MODEL_PERFORMANCE_DEGRADED and _is_severe(value, limit):
        return AlertLevel.EMERGENCY
    return AlertLevel.WARNING if kind in _ACTIVATIONS else AlertLevel.CRITICAL


def loudest(levels: Iterable[AlertLevel]) -> AlertLevel:
    """The highest of the given levels; INFO when there is none."""
    return max(levels, key=[*AlertLevel].index, default=AlertLevel.INFO)


def of_entry(kind: str, payload: Mapping[str, Any]) -> AlertLevel:
    """Of an audit entry; what is not named here is the routine of orders and operators."""
    if kind == "decision":
        return of_decision(payload["verdict"], payload.get("risk_level"))
    if kind == "breaker_tripped":
        return of_breaker(
            payload["breaker"],
            others=len(payload.get("beside", ())),
            value=payload.get("value"),
            limit=payload.get("limit"),
        )
    if kind == "login_refused":
        return AlertLevel.CRITICAL if payload.get("locked_until") else AlertLevel.WARNING
    if kind == "backup_plan":
        return AlertLevel.CRITICAL if payload.get("stops") else AlertLevel.INFO
    if kind in _EMERGENCIES:
        return AlertLevel.EMERGENCY
    if kind in _CRITICAL:
        return AlertLevel.CRITICAL
    return AlertLevel.WARNING if kind in _WARNINGS else AlertLevel.INFO


def _is_severe(value: object, limit: object) -> bool:
    """Text that is no number, as of other breakers, says nothing."""
    try:
        return float(str(value)) < _SEVERE_SHARE * float(str(limit))
    except ValueError:
        return False
