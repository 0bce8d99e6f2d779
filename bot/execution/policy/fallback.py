"""Fallback policies: how the next attempt differs after a child order failed.

A policy has a list of steps for each failure class. Each failure takes the next step of its class.
A step that is impossible for this child (under the venue's minimum, after the deadline) is passed
over. After the last step the parent stops with an alert. Nothing here sends or stores: the number
of taken steps is plain data of the parent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import takewhile
from types import MappingProxyType
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules
from bot.execution.algorithms.table import ALGORITHMS
from bot.execution.policy.failures import classify_end, classify_refusal
from bot.execution.policy.fallback_steps import (
    MAX_FALLBACK_BPS,
    FailedAttempt,
    FallbackEffect,
    backoff_seconds,
    effect_of_step,
    too_late,
    too_small,
)
from bot.risk.snapshot import AlgorithmOptions
from config.keys.working import WorkingRules
from models.amounts import shortest
from models.backup import BackupPlan, BackupStep, FailureClass
from models.enums import Algorithm

# The interface to fallback policies: failure classes, the next step, and its effect.
__all__ = [
    "FailedAttempt",
    "FallbackEffect",
    "FallbackPolicy",
    "Positions",
    "after_fill",
    "backoff_seconds",
    "classify_end",
    "classify_refusal",
    "effect_of_step",
    "next_step",
    "policy_for",
    "respond",
    "stored_policy",
]

Positions = Mapping[str, int]
"""Steps taken so far by name of the failure class; stored with the parent."""


EXIT_ATTEMPTS = {
    FailureClass.PRICE: 30,
    FailureClass.NO_LIQUIDITY: 30,
    FailureClass.THROTTLED: 30,
    FailureClass.TIMEOUT: 30,
    FailureClass.MARGIN: 5,
    FailureClass.REJECTED: 5,
    FailureClass.SYMBOL: 5,
}
"""The steps of an exit without a declared policy. Failures that time or another price may cure are
tried for about a minute; a refusal that only a person can judge, for some seconds."""


@dataclass(frozen=True, slots=True)
class FallbackPolicy:
    """The steps per failure class before stop_and_alert, which always comes last."""

    steps: Mapping[FailureClass, tuple[BackupStep, ...]]
    fallback_algorithm: Algorithm
    cancel_on_risk_increase: bool
    """Whether the parent ends as soon as the throttle would slow it; never for exits."""
    market_order_bps: Decimal = MAX_FALLBACK_BPS
    """How far beyond the touch an entry's market_order_fallback may trade."""
    answer_within_seconds: float | None = None
    """The time after which an unconfirmed entry that was not taken counts as failed; None for
    never."""


def policy_for(
    declared: BackupPlan | Mapping[str, object] | None,
    rules: WorkingRules,
    *,
    reduce_only: bool = False,
) -> FallbackPolicy:
    """The strategy's steps if it declared some, else the operator's.

    `fatal` stops at once. So does `symbol` for a trade that adds risk; an exit is tried like any
    other refusal, because exits may still be allowed. Raises ValueError (of pydantic or of the
    enum) for a step that doesn't exist.
    """
    plan = _plan_of(declared)
    retries = None if reduce_only else rules.max_retries
    steps = {
        failure: _before_stop(plan.steps_of(failure) or operators, retries)
        for failure, operators in _operators_steps(rules).items()
    }
    steps[FailureClass.FATAL] = ()
    steps[FailureClass.SYMBOL] = steps[FailureClass.REJECTED] if reduce_only else ()
    return FallbackPolicy(
        steps=MappingProxyType(steps),
        fallback_algorithm=plan.fallback_algorithm or Algorithm.IMMEDIATE,
        cancel_on_risk_increase=not reduce_only
        and (plan.cancel_on_risk_increase or rules.cancel_on_risk_increase),
        market_order_bps=rules.backup_max_slippage * 10_000,
        answer_within_seconds=None if reduce_only else rules.timeout_seconds,
    )


def _plan_of(declared: BackupPlan | Mapping[str, object] | None) -> BackupPlan:
    if isinstance(declared, BackupPlan):
        return declared
    stated = {name: value for name, value in (declared or {}).items() if value is not None}
    return BackupPlan.model_validate(stated)


def _operators_steps(rules: WorkingRules) -> Mapping[FailureClass, Sequence[str]]:
    return {
        FailureClass.THROTTLED: rules.backup_throttled,
        FailureClass.TIMEOUT: rules.backup_timeout,
        FailureClass.PRICE: rules.backup_price,
        FailureClass.NO_LIQUIDITY: rules.backup_no_liquidity,
        FailureClass.MARGIN: rules.backup_margin,
        FailureClass.REJECTED: rules.backup_rejected,
    }


def _before_stop(names: Sequence[str], retries: int | None) -> tuple[BackupStep, ...]:
    """The steps before stop_and_alert, with so many retries at most; None for any number."""
    steps = (BackupStep(name) for name in names)
    kept = tuple(takewhile(lambda step: step is not BackupStep.STOP_AND_ALERT, steps))
    if retries is None:
        return kept
    allowed: list[BackupStep] = []
    for step in kept:
        if step is not BackupStep.RETRY or allowed.count(step) < retries:
            allowed.append(step)
    return tuple(allowed)


def next_step(
    policy: FallbackPolicy, failure: FailureClass, positions: Positions
) -> tuple[BackupStep, dict[str, int]]:
    """The next step of the class and the positions after it; past the end it is stop_and_alert."""
    steps = policy.steps.get(failure, ())
    taken = positions.get(failure.value, 0)
    if taken >= len(steps):
        return BackupStep.STOP_AND_ALERT, dict(positions)
    return steps[taken], {**positions, failure.value: taken + 1}


def after_fill(positions: Positions, *, qty: Decimal, filled: Decimal) -> dict[str, int]:
    """The positions after a child of `qty` ended with `filled`: a fill resets them.

    A fill of less than half leaves `no_liquidity` where it is, so that a book that gives one lot at
    a time does not keep the policy on its first step.
    """
    if filled <= 0:
        return dict(positions)
    if filled * 2 >= qty:
        return {}
    thin = FailureClass.NO_LIQUIDITY.value
    return {thin: positions[thin]} if thin in positions else {}


def respond(
    policy: FallbackPolicy, attempt: FailedAttempt, positions: Positions, rules: LotRules
) -> tuple[FallbackEffect, dict[str, int]]:
    """The first step from here on that is possible for this attempt, and the positions after it.

    Delays grow with the attempts of the slice or with the steps of the class, whichever are more,
    because a stepped parent begins a slice with each child. The end of a list because of a near
    deadline is no alarm.
    """
    step, after = next_step(policy, attempt.failure, positions)
    if step is not BackupStep.STOP_AND_ALERT and attempt.rest < attempt.minimum(rules):
        return too_small(attempt), dict(positions)
    taken = positions.get(attempt.failure.value, 0)
    attempt = replace(attempt, number=max(attempt.number, taken + 1))
    passed: dict[str, None] = {}
    while True:
        try:
            found = effect_of_step(step, attempt, rules, policy.fallback_algorithm)
        except Infeasible as error:
            passed[f"no {step.value}, {error.message}"] = None
            step, after = next_step(policy, attempt.failure, after)
        else:
            break
    if found.stop and passed and attempt.seconds_left <= backoff_seconds(attempt.number):
        found, after = too_late(attempt), dict(positions)
    return replace(found, note="; ".join([found.note, *passed])), after


def stored_policy(
    algorithm: Algorithm, options: AlgorithmOptions, rules: WorkingRules, *, reduce_only: bool
) -> dict[str, Any]:
    """The policy of a new parent as plain JSON; later changes of the rules don't affect it."""
    fallback = options.fallback_algorithm
    if fallback is None:
        # After a taker algorithm that found too little the rest is passive; after a maker algorithm
        # that was left behind it is immediate.
        fallback = Algorithm.IMMEDIATE if ALGORITHMS[algorithm].rests else Algorithm.PASSIVE
    declared = {
        **options.backup_ladders,
        "fallback_algorithm": fallback,
        "cancel_on_risk_increase": options.cancel_on_risk_increase,
    }
    policy = policy_for(declared, rules, reduce_only=reduce_only)
    by_class = {name: [step.value for step in steps] for name, steps in policy.steps.items()}
    if reduce_only:
        for name, attempts in EXIT_ATTEMPTS.items():
            if name.value not in options.backup_ladders:
                by_class[name] = [BackupStep.RETRY.value] * attempts
    return {
        "rungs": {name.value: steps for name, steps in by_class.items()},
        "fallback_algorithm": policy.fallback_algorithm.value,
        "cancel_on_risk_increase": policy.cancel_on_risk_increase,
        "market_order_bps": shortest(policy.market_order_bps),
        "answer_within_seconds": policy.answer_within_seconds,
    }  # fmt: skip
