"""A decision in words and rows for people: the verdict, its reasons, and the values that would have
passed."""

from dataclasses import dataclass

from bot.risk.decision import CheckResult, Decision, SizeFactor
from bot.risk.rule import number_text
from models.amounts import plain
from models.enums import CheckStatus, Verdict

_NO = (CheckStatus.FAIL, CheckStatus.UNKNOWN)
_CONSEQUENCES = frozenset({"min_qty", "min_notional"})


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One row of the table of checks, every cell text."""

    name: str
    status: str
    value: str
    limit: str
    margin: str
    unit: str
    data_age: str
    needed: str
    sentence: str


@dataclass(frozen=True, slots=True)
class FactorLine:
    """One size factor for people: its name, its value as text, and its sentence."""

    name: str
    value: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """A whole decision for people; `checks` lists failed checks first."""

    sentence: str
    needed: tuple[str, ...]
    checks: tuple[CheckLine, ...]
    factors: tuple[FactorLine, ...]


def explain(decision: Decision) -> Explanation:
    """Everything that a person may ask about a decision."""
    ordered = sorted(decision.checks, key=_weight)
    return Explanation(
        sentence=summary(decision),
        needed=needed(decision),
        checks=tuple(_line(result) for result in ordered),
        factors=tuple(_factor_line(factor) for factor in decision.factors),
    )


def summary(decision: Decision) -> str:
    """One sentence: the verdict, its reasons, and the values that were needed."""
    wanted = _size(decision.requested_qty, decision.requested_notional)
    got = _size(decision.approved_qty, decision.approved_notional)
    if decision.verdict is Verdict.ALLOW:
        sent = ", reduce-only" if decision.reduce_only else ""
        return f"Approved in full: {got}{sent}."
    causes = _causes(decision)
    if decision.verdict is Verdict.SHRINK:
        part = " (the closing part, reduce-only)" if decision.reduce_only else ""
        return f"Shrunk from {wanted} to {got}{part} because {causes}."
    wishes = needed(decision)
    tail = f" Needed: {'; '.join(wishes)}." if wishes else ""
    return f"Blocked because {causes}.{tail}"


def needed(decision: Decision) -> tuple[str, ...]:
    """The value that each failed check would have needed, also for a shrunk trade to pass whole."""
    wishes = [result.needed for result in blamed(decision)]
    return tuple(wish for wish in wishes if wish is not None)


def _causes(decision: Decision) -> str:
    causes = [_clause(result.sentence) for result in blamed(decision)]
    causes += [_clause(f.sentence) for f in decision.factors if f.value < 1]
    return "; ".join(causes) or "nothing tradable is left on the lot grid"


def blamed(decision: Decision) -> list[CheckResult]:
    """The checks that denied, without a size that is too small because of the others."""
    bad = [result for result in decision.checks if result.status in _NO]
    return [result for result in bad if result.name not in _CONSEQUENCES] or bad


def _clause(sentence: str) -> str:
    return (sentence[:1].lower() + sentence[1:]).rstrip(".")


def _size(quantity: object, notional: object) -> str:
    return f"{number_text(quantity)} for {number_text(notional)} USDT"  # type: ignore[arg-type]


_ORDER = {
    CheckStatus.FAIL: 0,
    CheckStatus.UNKNOWN: 1,
    CheckStatus.PASS: 2,
    CheckStatus.SKIPPED: 3,
}


def _weight(result: CheckResult) -> int:
    return _ORDER[result.status]


def _line(result: CheckResult) -> CheckLine:
    age = result.data_age_seconds
    return CheckLine(
        name=result.name,
        status=result.status.value,
        value=result.value or "",
        limit=result.limit or "",
        margin=result.margin or "",
        unit=result.unit,
        data_age="" if age is None else f"{age:.1f} s",
        needed=result.needed or "",
        sentence=result.sentence,
    )


def _factor_line(factor: SizeFactor) -> FactorLine:
    return FactorLine(factor.name, plain(factor.value), factor.sentence)
