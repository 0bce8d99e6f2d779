"""What an alert is about: its condition, its sentence for people, and the entry that ends it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from models.alerts.levels import of_entry
from models.enums import AlertLevel

SENTENCES: Mapping[str, str] = {
    "account_unfit": "the account must not trade",
    "auto_deleveraging": "the exchange reduced a position by auto-deleveraging",
    "backup_plan": "a trade ended because its fallback policy is used up",
    "breaker_tripped": "a breaker tripped",
    "cancelled_at_exchange": "somebody else cancelled an order of ours at the exchange",
    "code_refused": "an override code was refused",
    "decision": "a trade of high risk was approved",
    "direct_exit": "a halt without Postgres closed a position",
    "direct_exit_fill": "an order of a halt without Postgres was filled",
    "emergency_triggered": "the system has stopped itself",
    "exit_denied": "an exit was denied",
    "exit_gave_way": "an exit gave way to a faster one",
    "exit_goes_at_once": "an exit goes at once because its validation failed too often",
    "exit_unfilled": "an exit ended before its position was closed",
    "fact_parked": "a fact of the exchange can't be read",
    "fill_without_child": "the exchange reports a fill of an order that is not known here",
    "foreign_account_refused": "a row of another account was refused",
    "foreign_entries_dropped": "tasks that are not ours were dropped from the schedule",
    "foreign_fill": "somebody else's order was filled on this account",
    "foreign_order": "somebody else's order is on this account",
    "foreign_orders": "somebody else's orders are on this account",
    "halted": "trading was stopped",
    "late_fill": "a fill arrived after its order had ended",
    "liquidation": "the exchange liquidated a position",
    "login_refused": "an operator's login was refused",
    "market_forged": "market data that our feed did not write was found",
    "messages_refused": "messages of a strategy were refused",
    "order_called_back": "an order was called back at the exchange",
    "order_lost": "an order is neither open nor filled at the exchange",
    "orders_without_child": "orders under our ids are not known here",
    "orphan_called_back": "an order under our ids that is not known here was called back",
    "overfill": "more was filled than was approved",
    "parent_end_corrected": "the end of a trade was corrected",
    "parent_set_aside": "a trade was set aside because its steps go on failing",
    "position_alert": "an open position needs attention",
    "position_drawdown": "a position has lost too much",
    "position_exit": "an open position is closed by a rule",
    "protective_stop_called_back": "a protective stop was called back",
    "protective_stop_failed": "a position has no protective stop",
    "protective_stop_fill": "a protective stop was filled",
    "recovery_fell_back": "a recovery fell back to the state that it had left",
    "request_held": "a request waits for its release because a limit is nearly used up",
    "request_parked": "a request was parked because its validation failed too often",
    "reservation_repaired": "a reservation was repaired",
    "signature_expired": "a strategy's signature is too old",
    "signature_invalid": "a strategy's signature is wrong",
    "signature_missing": "a request has no signature",
    "signature_outdated": "a request was signed with an old key",
    "size_shrunk": "a model's sizes are cut",
    "soft_block": "a limit was used beyond its soft level",
    "steps_failing": "the steps of a trade go on failing",
    "strategy_fell": "the system lowered a strategy by one stage",
    "symbol_refused": "the exchange refuses the market of a symbol",
    "symbol_settlement": "the exchange settles a symbol",
    "system_failure": "a server that everything needs can't be reached",
    "trading_lease_withheld": "the lease to trade is withheld, and nothing adds risk",
    "watchdog_acted": "the watchdog cancelled orders of a silent system",
    "worker_restarted": "a worker took no messages and was started anew",
}
"""The sentence of each kind of condition, which is the kind of the audit entry that raises it."""

ENDED_BY: Mapping[str, str] = {
    "account_fit": "account_unfit",
    "breaker_recovered": "breaker_tripped",
    "breaker_reset": "breaker_tripped",
    "emergency_trigger_cleared": "emergency_triggered",
    "resumed": "halted",
    "symbol_taken": "symbol_refused",
    "system_failure_over": "system_failure",
    "trading_lease_granted": "trading_lease_withheld",
}
"""The condition that an audit entry of a kind ends."""
LASTING = frozenset(ENDED_BY.values())
"""Conditions with an end of their own. Everything else is an event: it is over when it happened."""

_OF_SUBJECT = LASTING | {
    "auto_deleveraging",
    "liquidation",
    "position_alert",
    "position_drawdown",
    "position_exit",
    "protective_stop_fill",
    "size_shrunk",
    "strategy_fell",
    "symbol_settlement",
    "worker_restarted",
}
"""Kinds with a condition for each subject. Subjects of other kinds are requests and orders, and a
thousand of them are one condition with a count."""
_REASONS = ("reason", "why", "reasons", "because", "message", "text")
_LONGEST = 500


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that an alert tells of."""

    key: str
    """The same condition has the same key; its open alert counts what follows."""
    level: AlertLevel
    kind: str
    subject: str
    text: str
    """One sentence for people. It may hold text of others."""
    lasting: bool


def condition_of(
    chain: str, kind: str, subject: str, payload: Mapping[str, Any]
) -> Condition | None:
    """The condition of an audit entry; None for one that is information."""
    level = of_entry(kind, payload)
    if level is AlertLevel.INFO:
        return None
    key = key_of(chain, kind, subject, payload)
    return Condition(key, level, kind, subject, _text(kind, subject, payload), kind in LASTING)


def ended_by(chain: str, kind: str, subject: str, payload: Mapping[str, Any]) -> str | None:
    """The key of the condition that an audit entry ends; None when it ends none."""
    ended = ENDED_BY.get(kind)
    if ended is None:
        return None
    return key_of(chain, ended, _scope_of(subject, payload), payload)


def key_of(chain: str, kind: str, subject: str, payload: Mapping[str, Any]) -> str:
    """The key of the condition that an entry of this kind raises."""
    parts = [chain, kind]
    if kind in _OF_SUBJECT:
        parts.append(subject)
    if kind == "breaker_tripped":
        parts.append(str(payload.get("breaker", "")))
    return "|".join(parts)


def _scope_of(subject: str, payload: Mapping[str, Any]) -> str:
    """The scope that an entry is about: a reset of a narrower breaker names it beside the
    account, with its side."""
    scope = payload.get("scope")
    if not isinstance(scope, str):
        return subject
    for side in (" long", " short"):
        scope = scope.removesuffix(side)
    return scope


def _text(kind: str, subject: str, payload: Mapping[str, Any]) -> str:
    told = [SENTENCES.get(kind, kind.replace("_", " "))]
    if kind == "breaker_tripped":
        told[0] = f"the breaker {payload.get('breaker')} tripped"
    told.append(f" ({subject})")
    reason = next((payload[name] for name in _REASONS if payload.get(name)), None)
    if reason is not None:
        words = "; ".join(map(str, reason)) if isinstance(reason, list) else str(reason)
        told.append(f": {words}")
    return "".join(told)[:_LONGEST]
