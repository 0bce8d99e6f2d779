"""Which checks or factors blocked a trade, and the trade that the gate would have allowed without
them.

A denial by several checks needs all of them gone before it trades at all, so that each has an
equal part (the Shapley value of such a game). A size that several factors cut is their product, so
that each has its part of the logarithm: the smallest factor has the largest part.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import log

from bot.decision.decide import FEASIBLE, Approved, planned
from bot.risk.checks.registry import CHECKS
from bot.risk.decision import CheckResult, Decision, SizeFactor
from bot.risk.explain import blamed
from bot.risk.factors import FACTORS, ONE
from bot.risk.gate import EXPOSURE, evaluate
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import RiskSnapshot, TradeIntent

FACTOR = "factor "
"""Stands before the name of a factor: some checks have the same name."""
NOT_OURS = frozenset(
    {
        *("instrument", "instrument_status", "tick", "max_qty", "max_notional"),
        *("min_qty", "min_notional", "duplicate_request", EXPOSURE.name, FEASIBLE.name),
    }
)
"""What the exchange or the request itself makes impossible; no trade exists without these."""
_CONSEQUENCES = frozenset({"min_qty", "min_notional"})
_UNFIT = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""The errors of planners about inputs from which a check that is taken away protects them."""


@dataclass(frozen=True, slots=True)
class Blocker:
    """A check, or a factor with `FACTOR` before its name, and its share of the block in (0, 1]."""

    name: str
    share: float


@dataclass(frozen=True, slots=True)
class Attribution:
    """The blockers of one trade; `allowed` is the trade without them, None where none exists."""

    blockers: tuple[Blocker, ...]
    allowed: Approved | None


@dataclass(frozen=True, slots=True)
class _Taken:
    """The names of checks and factors that are taken away together."""

    checks: tuple[str, ...] = ()
    factors: tuple[SizeFactor, ...] = ()


def attribute(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, made: Decision
) -> Attribution:
    """The least of checks and factors without which the gate allows more than it did in `made`."""
    bad = blamed(made)
    impossible = [result.name for result in bad if result.name in NOT_OURS]
    if made.exposure is None:
        return Attribution(_equal([EXPOSURE.name]), None)
    cuts = tuple(factor for factor in made.factors if factor.value < ONE)
    if [name for name in impossible if name not in _CONSEQUENCES] or (impossible and not cuts):
        return Attribution(_equal(impossible), None)
    taken = _Taken()
    for taken in _steps(made, bad, cuts, limits):
        allowed = _without(intent, snapshot, limits, taken)
        if allowed is not None and allowed.plan.qty > made.approved_qty:
            return Attribution(_shares(taken), allowed)
    return Attribution(_shares(taken), None)


def _steps(
    made: Decision, bad: Sequence[CheckResult], cuts: tuple[SizeFactor, ...], limits: RiskLimits
) -> Iterator[_Taken]:
    """What is taken away, the narrowest first: what denies, then what caps, then the factors."""
    names = tuple(result.name for result in bad if result.name not in _CONSEQUENCES)
    deny = tuple(
        result.name
        for result in bad
        if result.name in names and (result.cap is None or result.name in limits.hard_caps)
    )
    if deny:
        yield _Taken(deny)
    elif made.capped_by is not None:
        yield _Taken((made.capped_by,))
    elif cuts:
        yield _Taken((), cuts)
    if names and names != deny:
        yield _Taken(names)
    if names and cuts:
        yield _Taken(names, cuts)


def _without(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, taken: _Taken
) -> Approved | None:
    gone: Collection[str] = {factor.name for factor in taken.factors}
    rows = [check for check in CHECKS if check.rule.name not in taken.checks]
    factors = [factor for factor in FACTORS if factor.__name__ not in gone]
    decision = evaluate(intent, snapshot, limits, rows, factors)
    try:
        outcome = planned(intent, snapshot, limits, decision)
    except _UNFIT:
        return None
    return outcome if isinstance(outcome, Approved) else None


def _shares(taken: _Taken) -> tuple[Blocker, ...]:
    names = [FACTOR + factor.name for factor in taken.factors]
    if taken.checks:
        return _equal([*taken.checks, *names])
    values = [factor.value for factor in taken.factors]
    nothing = [name for name, value in zip(names, values, strict=True) if value <= 0]
    if nothing:
        return _equal(nothing)
    return _by_logarithm(names, values)


def _by_logarithm(names: Sequence[str], values: Sequence[Decimal]) -> tuple[Blocker, ...]:
    parts = [-log(value) for value in values]
    whole = sum(parts)
    return tuple(
        Blocker(name, part / whole) for name, part in zip(names, parts, strict=True) if part > 0
    )


def _equal(names: Sequence[str]) -> tuple[Blocker, ...]:
    return tuple(Blocker(name, 1 / len(names)) for name in names)
