"""Replay: decides stored requests again, under their own limits or others, and reports differences.

Each decision is made again on its own snapshot. The effect of an earlier different answer on later
snapshots is not simulated.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from bot.decision.decide import decide
from bot.decision.recorded import recorded_inputs
from bot.errors import Refused
from bot.risk import codec
from bot.risk.limits import GATE_LIMITS, RiskLimits, config_path_of
from models.tables import DecisionRow

LimitsOf = Callable[[RiskLimits], RiskLimits]
"""Maps the limits that a decision recorded to the limits of the replay."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A decision in short."""

    verdict: str
    approved_qty: Decimal
    approved_notional: Decimal
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CheckChange:
    """One check that answers otherwise; None where it was not asked."""

    name: str
    before: str | None
    after: str | None
    limit_before: str | None
    limit_after: str | None


@dataclass(frozen=True, slots=True)
class Replayed:
    """One request, as it was decided and as it is decided now."""

    request_id: str
    strategy: str
    symbol: str
    side: str
    decided_at: datetime
    before: Answer
    after: Answer
    checks: tuple[CheckChange, ...]
    """Only the checks whose status differs."""

    @property
    def differs(self) -> bool:
        """Whether the decision is another one now."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class UnreadableDecision:
    """A decision that another version of the gate wrote and this one can't read."""

    request_id: str
    why: str


def replay(
    rows: Iterable[DecisionRow], limits_of: LimitsOf = lambda recorded: recorded
) -> Iterator[Replayed | UnreadableDecision]:
    """Decides each row again, one at a time as the caller iterates."""
    for row in rows:
        try:
            yield _again(row, limits_of)
        except codec.Unreadable as error:
            yield UnreadableDecision(row.request_id, str(error))


def with_values(paths: Iterable[str], wanted: RiskLimits) -> LimitsOf:
    """The recorded limits, with only the limits at these `section.key` paths taken from `wanted`.

    Raises Refused for a path that no decision depends on.
    """
    by_path = {config_path_of(name): name for name in GATE_LIMITS}
    chosen: dict[str, Any] = {}
    for path in paths:
        if path not in by_path:
            raise Refused(f"{path} is no limit of the gate: no decision depends on it")
        chosen[by_path[path]] = getattr(wanted, by_path[path])
    return lambda recorded: replace(recorded, **chosen)


def _again(row: DecisionRow, limits_of: LimitsOf) -> Replayed:
    inputs = recorded_inputs(row)
    intent = inputs.intent
    outcome = decide(intent, inputs.snapshot, limits_of(inputs.limits))
    after = codec.to_json(outcome.decision)
    return Replayed(
        request_id=row.request_id,
        strategy=intent.strategy,
        symbol=intent.symbol,
        side=intent.side.value,
        decided_at=row.decided_at,
        before=_answer(row.decision),
        after=_answer(after),
        checks=_check_changes(row.decision["checks"], after["checks"]),
    )


def _answer(decision: dict[str, Any]) -> Answer:
    return Answer(
        decision["verdict"],
        Decimal(decision["approved_qty"]),
        Decimal(decision["approved_notional"]),
        tuple(decision["reasons"]),
    )


def _check_changes(
    before: list[dict[str, Any]], after: list[dict[str, Any]]
) -> tuple[CheckChange, ...]:
    old = {check["name"]: check for check in before}
    new = {check["name"]: check for check in after}
    return tuple(
        CheckChange(
            name,
            _of(old, name, "status"),
            _of(new, name, "status"),
            _of(old, name, "limit"),
            _of(new, name, "limit"),
        )
        for name in dict.fromkeys([*old, *new])
        if _of(old, name, "status") != _of(new, name, "status")
    )


def _of(checks: dict[str, dict[str, Any]], name: str, key: str) -> str | None:
    check = checks.get(name)
    return None if check is None else check[key]
