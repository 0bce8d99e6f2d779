"""The answers of checks: one comparison gives one result; unreadable data is UNKNOWN."""

from decimal import Decimal

from bot.risk.decision import CheckResult
from bot.risk.rule import Raw, Rule
from models.amounts import ZERO
from models.enums import CheckStatus, TradeBlockReason

PASS, FAIL = CheckStatus.PASS, CheckStatus.FAIL

# A NamedTuple's own constructor costs twice as much, forty times per decision.
_new = tuple.__new__


def passed(
    rule: Rule, value: Raw, limit: Raw, age: float | None = None, detail: str | None = None
) -> CheckResult:
    """A result PASS with the measured value, its limit and the age of the input in seconds."""
    return _new(CheckResult, (rule, PASS, value, limit, None, age, detail, None))


def failed(
    rule: Rule,
    value: Raw,
    limit: Raw,
    age: float | None = None,
    detail: str | None = None,
    because: TradeBlockReason | None = None,
) -> CheckResult:
    """A result FAIL; `because` replaces the rule's own reason code."""
    return CheckResult(rule, FAIL, value, limit, None, age, detail, because)


def unknown(
    rule: Rule,
    detail: str,
    because: TradeBlockReason = TradeBlockReason.DATA_MISSING,
    limit: Raw = None,
) -> CheckResult:
    """A result UNKNOWN: the input is missing or unreadable, as `detail` says. It denies the part
    that adds risk."""
    return CheckResult(rule, CheckStatus.UNKNOWN, None, limit, None, None, detail, because)


def skipped(rule: Rule, detail: str) -> CheckResult:
    """A result SKIPPED: the rule does not apply, as `detail` says. It denies nothing."""
    return CheckResult(rule, CheckStatus.SKIPPED, detail=detail)


def share_at_least(rule: Rule, value: float | None, limit: float) -> CheckResult:
    """A score in [0, 1] that has to reach the limit."""
    if value is None or not 0.0 <= value <= 1.0:
        return unknown(rule, _unreadable(value), limit=limit)
    if value >= limit:
        return _new(CheckResult, (rule, PASS, value, limit, None, None, None, None))
    return failed(rule, value, limit)


def at_most(
    rule: Rule, value: float | Decimal | None, limit: float | Decimal, age: float | None = None
) -> CheckResult:
    """A number from zero up that must not exceed the limit."""
    if value is None or not value >= 0:
        return unknown(rule, _unreadable(value), limit=limit)
    if value <= limit:
        return _new(CheckResult, (rule, PASS, value, limit, None, age, None, None))
    return failed(rule, value, limit, age)


def young(
    rule: Rule, age: float | None, limit: float, skew: float, *, shown: bool = False
) -> CheckResult:
    """An age in seconds that must not exceed the limit.

    An age below zero counts as zero down to `-skew`: machines' clocks differ by that much. `shown`
    stores the age as the result's data age too.
    """
    if age is not None and -skew <= age < 0.0:
        age = 0.0
    return at_most(rule, age, limit, age if shown else None)


def below(
    rule: Rule, value: float | Decimal | None, limit: float | Decimal, age: float | None = None
) -> CheckResult:
    """A number from zero up whose limit itself already trips."""
    if value is None or not value >= 0:
        return unknown(rule, _unreadable(value), limit=limit)
    if value < limit:
        return _new(CheckResult, (rule, PASS, value, limit, None, age, None, None))
    return failed(rule, value, limit, age)


def capped(
    rule: Rule,
    value: Decimal | float | None,
    limit: Decimal | float,
    cap: Decimal,
    asked: Decimal,
    age: float | None = None,
    detail: str | None = None,
) -> CheckResult:
    """A rule on size: `cap` is the largest opening notional it allows, `asked` the wanted one."""
    if asked <= cap:
        return _new(CheckResult, (rule, PASS, value, limit, cap, age, detail, None))
    return CheckResult(rule, FAIL, value, limit, cap if cap > ZERO else ZERO, age, detail)


def _unreadable(value: object) -> str:
    return "the input is missing" if value is None else f"{value!r} is not a readable value"
