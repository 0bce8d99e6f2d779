"""The self-test: a synthetic breach of each configured limit must not pass the gate.

It also proves that the checks on exits stop exits, and that nothing else does.
"""

from collections.abc import Iterable
from dataclasses import fields
from decimal import Decimal
from math import isfinite

from bot.risk.checks.breach import Case
from bot.risk.checks.check import Check
from bot.risk.checks.registry import CHECKS, declared
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits, config_path_of
from bot.risk.selftest.baseline import healthy
from bot.risk.selftest.exits import exit_problems
from models.enums import CheckStatus, Verdict

_NO = (CheckStatus.FAIL, CheckStatus.UNKNOWN)


def self_test(limits: RiskLimits, rows: Iterable[Check] = CHECKS) -> tuple[str, ...]:
    """The faults of these limits; empty when there are none.

    A sound trade must pass, and the same trade with one limit breached must be denied or shrunk by
    the check of that limit; exits are tried as well. A system whose self-test finds anything stays
    HALTED.
    """
    unreadable = [
        f"the limit {config_path_of(f.name)} is not a finite number"
        for f in fields(limits)
        if isinstance(value := getattr(limits, f.name), Decimal | float) and not isfinite(value)
    ]
    if unreadable:
        return tuple(unreadable)
    asked = tuple(rows)
    base = healthy(limits)
    found = _unsound(_decide(base, limits, asked))
    # The modules' own declarations: a check that is not asked, or is asked about another part,
    # shows.
    checks = {check.rule.name: check for check in (*asked, *declared())}
    for name, check in checks.items():
        case = check.breach(base, limits)
        if case is None:
            continue
        decision = _decide(case, limits, asked)
        statuses = {result.name: result.status for result in decision.checks}
        if statuses.get(name) not in _NO or decision.verdict is Verdict.ALLOW:
            limit = f" ({config_path_of(check.limit)})" if check.limit else ""
            found.append(f"the limit of {name!r}{limit} does not bite: its breach was approved")
    found += exit_problems(base, limits, asked, checks)
    return tuple(found)


def _decide(case: Case, limits: RiskLimits, rows: tuple[Check, ...]) -> Decision:
    return evaluate(case.intent, case.snapshot, limits, rows)


def _unsound(decision: Decision) -> list[str]:
    if decision.verdict is Verdict.ALLOW:
        return []
    bad = [result.sentence for result in decision.checks if result.status in _NO]
    bad += [factor.sentence for factor in decision.factors if factor.value < 1]
    return [f"a sound trade does not pass whole: {'; '.join(bad)}"]
