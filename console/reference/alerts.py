"""The page of the conditions that alert people, from the table of their sentences."""

from collections.abc import Iterator, Mapping
from typing import Any

from console.reference.markdown import code, head, sentence, table
from models.alerts.levels import of_entry
from models.alerts.words import ENDED_BY, SENTENCES
from models.enums import AlertLevel, CircuitBreakerType, MLRiskLevel, Verdict

_CASES: Mapping[str, tuple[tuple[str, Mapping[str, Any]], ...]] = {
    "backup_plan": (("", {"stops": True}),),
    "breaker_tripped": (
        ("", {"breaker": CircuitBreakerType.VOLATILITY_SPIKE}),
        ("a loss limit", {"breaker": CircuitBreakerType.DAILY_LOSS_LIMIT}),
        ("beside another one", {"breaker": CircuitBreakerType.VOLATILITY_SPIKE, "beside": ["x"]}),
    ),
    "code_refused": (("", {}), ("when it locks", {"locked_until": "later"})),
    "decision": (("", {"verdict": Verdict.ALLOW, "risk_level": MLRiskLevel.HIGH}),),
    "login_refused": (("", {}), ("when it locks", {"locked_until": "later"})),
    "worker_restarted": (("", {}), ("again within a short time", {"again": True})),
}
"""Kinds with a level that depends on what the entry says: each case in words, and its entry."""
_PLAIN: tuple[tuple[str, Mapping[str, Any]], ...] = (("", {}),)
_HEAD = (
    "Each condition is the kind of an [audit](../audit.md) entry: `mlrisk audit search --kind "
    "KIND` finds its entries. A condition with an end is lasting: the entry named there clears its "
    "alert. Every other one is an event, which is over when it happened. [Alerts](../alerts.md) "
    "says how people are told, and what follows when nobody answers.",
)


def text() -> str:
    """The page as it must be."""
    rows = table(("Condition", "Says", "Level", "Ends with"), _rows())
    return "\n".join((head("Conditions of alerts", *_HEAD), rows))


def _rows() -> Iterator[tuple[str, str, str, str]]:
    for kind in sorted(SENTENCES):
        ends = " or ".join(code(entry) for entry, ended in ENDED_BY.items() if ended == kind)
        yield code(kind), sentence(SENTENCES[kind]), _levels(kind), ends


def _levels(kind: str) -> str:
    """The level of each case, the usual one first."""
    said: list[str] = []
    for words, payload in _CASES.get(kind, _PLAIN):
        level: AlertLevel = of_entry(kind, payload)
        said.append(f"{level}, {words}" if words else str(level))
    return "; ".join(said)
