"""The gate: one pure, total function from request, snapshot and limits to a decision.

It classifies the trade against the book, asks every check, scales the part that adds risk by the
factors, takes the smallest cap, and floors the result to the lot grid. A reduction skips the checks
on adding; unreadable data denies the adding part.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import (
    ROUND_FLOOR,
    ROUND_HALF_EVEN,
    Context,
    Decimal,
    DivisionByZero,
    InvalidOperation,
    Overflow,
    getcontext,
    setcontext,
)

from bot.risk.book import Unclassifiable
from bot.risk.checks.check import Applies, Check, CheckFunction
from bot.risk.checks.outcome import unknown
from bot.risk.checks.registry import CHECKS
from bot.risk.claims import compare
from bot.risk.decision import CheckResult, Decision, SizeFactor
from bot.risk.exposure import FLOOR, Exposure, classify
from bot.risk.factors import FACTOR_REASONS, FACTORS, ONE, Factor
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense
from bot.risk.snapshot import RiskSnapshot, TradeIntent
from models.amounts import ZERO
from models.enums import CheckStatus, TradeBlockReason, Verdict

EXPOSURE = Rule(
    "exposure", TradeBlockReason.DATA_MISSING, "what the trade does to the position", Sense.IS
)

# The decision must not depend on a precision or rounding that some library left behind.
_CONTEXT = Context(
    prec=28, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation, DivisionByZero, Overflow]
)
_STORED = Context(prec=50, rounding=ROUND_FLOOR)
_STORED_STEP = Decimal(1).scaleb(-18)
"""The decimals of a money column, as in `models/tables/base.py`."""
# An enum's member costs twenty times as much as a name of the module, which shows here.
_PASS, _SKIPPED = CheckStatus.PASS, CheckStatus.SKIPPED
_ALLOW, _SHRINK, _DENY = Verdict.ALLOW, Verdict.SHRINK, Verdict.DENY
_ADDING, _MODEL = Applies.ADDING, Applies.MODEL
_REASON_ORDER = {reason: index for index, reason in enumerate(TradeBlockReason)}


_Asked = tuple[Rule, CheckFunction, Applies, CheckResult]
"""The parts of a check that asking needs, as a plain tuple, which is unpacked twice as fast as a
Check."""


@dataclass(frozen=True, slots=True)
class _Plan:
    """The rows of one evaluation, apart by when they are asked, and its factors."""

    first: tuple[_Asked, ...]
    on_size: tuple[_Asked, ...]
    factors: tuple[Factor, ...]

    @classmethod
    def of(cls, rows: Iterable[Check], factors: Iterable[Factor]) -> "_Plan":
        first: list[_Asked] = []
        on_size: list[_Asked] = []
        for row in rows:
            part = on_size if row.on_size else first
            part.append((row.rule, row.ask, row.applies, row.not_asked))
        return cls(tuple(first), tuple(on_size), tuple(factors))


_REGISTRY = CHECKS
_ALL_FACTORS = FACTORS
_PLAN = _Plan.of(CHECKS, FACTORS)


def evaluate(
    intent: TradeIntent,
    snapshot: RiskSnapshot,
    limits: RiskLimits,
    rows: Iterable[Check] = CHECKS,
    factors: Iterable[Factor] = FACTORS,
) -> Decision:
    """Decides one trade. Never raises: an error inside becomes an UNKNOWN that denies.

    `rows` and `factors` are for tests and for questions of what the gate would have said without
    one of them (`bot.gate_value`); live decisions always use all.
    """
    before = getcontext()
    setcontext(_CONTEXT)
    try:
        whole = rows is _REGISTRY and factors is _ALL_FACTORS
        plan = _PLAN if whole else _Plan.of(rows, factors)
        return _evaluate(intent, snapshot, limits, plan)
    except Exception as error:  # noqa: BLE001 - total by contract: any defect here must deny
        return _refused(intent, snapshot, _broken(EXPOSURE, error))
    finally:
        setcontext(before)


@dataclass(slots=True)
class _Answers:
    """The results of the checks so far."""

    results: list[CheckResult] = field(default_factory=list)
    failed: list[CheckResult] = field(default_factory=list)
    denies_all: bool = False
    denies_adding: bool = False
    denies_beyond: bool = False
    """Whether the part that closes more than the strategy's own share is denied."""
    cap: Decimal | None = None
    capped_by: str | None = None


def _evaluate(
    intent: TradeIntent, snapshot: RiskSnapshot, limits: RiskLimits, plan: _Plan
) -> Decision:
    try:
        exposure = classify(intent, snapshot)
    except Exception as error:  # noqa: BLE001 - total by contract: an unreadable book denies
        return _unclassified(intent, snapshot, limits, plan, error)
    detail = exposure.price_source
    if exposure.beyond_own is not None:
        detail = f"{detail}; {exposure.beyond_own}"
    answers = _Answers([CheckResult(EXPOSURE, _PASS, exposure.delta, detail=detail)])
    _ask(plan.first, answers, intent, exposure, snapshot, limits)
    asked = plan.factors if exposure.adds else ()
    factors = _factors(asked, intent, exposure, snapshot, limits)
    opening = _sized_opening(exposure, factors, answers)
    step = None if snapshot.instrument is None else snapshot.instrument.qty_step
    closing = _closing(exposure, answers)
    if answers.denies_adding and closing > ZERO:
        exposure.sized_qty = floor_to_lot(closing, step)
    else:
        exposure.sized_qty = _on_grid(exposure, opening, step)
    if exposure.closes_whole and _is_under_minimum(exposure.sized_qty, snapshot):
        exposure.closes_small, exposure.sized_qty = True, exposure.held_qty
    exposure.sized_notional = exposure.sized_qty * exposure.price
    _ask(plan.on_size, answers, intent, exposure, snapshot, limits)
    told = compare(intent.claims, snapshot, limits)
    if told is not None:
        answers.results.append(told)
    return _decide(intent, snapshot, exposure, answers, factors, step)


def _is_under_minimum(quantity: Decimal, snapshot: RiskSnapshot) -> bool:
    return snapshot.instrument is not None and quantity < snapshot.instrument.min_qty


def _ask(
    rows: tuple[_Asked, ...],
    answers: _Answers,
    intent: TradeIntent,
    exposure: Exposure,
    snapshot: RiskSnapshot,
    limits: RiskLimits,
) -> None:
    """Asks every row; a check that raises is UNKNOWN, and the others are still asked."""
    adds, append = exposure.adds, answers.results.append
    models = adds or exposure.closes_others
    for rule, check, applies, not_asked in rows:
        if not adds and (applies is _ADDING or (not models and applies is _MODEL)):
            append(not_asked)
            continue
        try:
            result = check(intent, exposure, snapshot, limits)
        except Exception as error:  # noqa: BLE001 - total by contract: a broken check denies
            result = _broken(rule, error)
        append(result)
        if result[1] is not _PASS and result[1] is not _SKIPPED:
            _note(answers, result, applies, limits)


def _note(answers: _Answers, result: CheckResult, applies: Applies, limits: RiskLimits) -> None:
    """Applies a failed or unknown check: caps the size, denies the adding part, or denies all."""
    answers.failed.append(result)
    cap = result.cap
    if cap is not None and result.name not in limits.hard_caps:
        if answers.cap is None or (cap, result.name) < (answers.cap, answers.capped_by):
            answers.cap, answers.capped_by = cap, result.name
    elif applies is Applies.ALWAYS:
        answers.denies_all = True
    else:
        answers.denies_adding = True
        if applies is Applies.MODEL:
            answers.denies_beyond = True


def _closing(exposure: Exposure, answers: _Answers) -> Decimal:
    """The quantity that may close: all, or the strategy's own part where the model checks deny the
    rest."""
    return exposure.own_qty if answers.denies_beyond else exposure.reducing_qty


def _factors(
    asked: tuple[Factor, ...],
    intent: TradeIntent,
    exposure: Exposure,
    snapshot: RiskSnapshot,
    limits: RiskLimits,
) -> tuple[SizeFactor, ...]:
    found = []
    for factor in asked:
        try:
            found.append(factor(intent, exposure, snapshot, limits))
        except Exception:  # noqa: BLE001 - a factor that can't be computed leaves no size
            found.append(SizeFactor(factor.__name__, ZERO))
    return tuple(found)


def _sized_opening(
    exposure: Exposure, factors: tuple[SizeFactor, ...], answers: _Answers
) -> Decimal:
    """The notional that may be added: the request times its factors, within the smallest cap."""
    notional = exposure.opening_notional
    for factor in factors:
        if factor.value is not ONE:
            notional = FLOOR.multiply(notional, factor.value)
    if answers.cap is not None and answers.cap < notional:
        return answers.cap
    answers.capped_by = None
    return notional


def _on_grid(exposure: Exposure, opening: Decimal, step: Decimal | None) -> Decimal:
    """Closing part and the allowed opening part, floored to whole lots."""
    quantity = exposure.reducing_qty
    if opening == exposure.opening_notional:
        quantity = exposure.requested_qty if exposure.adds else quantity
    elif opening > ZERO:
        quantity = FLOOR.add(quantity, FLOOR.divide(opening, exposure.price))
    return floor_to_lot(quantity, step)


def floor_to_lot(quantity: Decimal, step: Decimal | None) -> Decimal:
    """Whole lots within the quantity; zero when the lot is not known."""
    if step is None or not step > ZERO or not quantity > ZERO:
        return ZERO
    return FLOOR.divide_int(quantity, step) * step


def _decide(
    intent: TradeIntent,
    snapshot: RiskSnapshot,
    exposure: Exposure,
    answers: _Answers,
    factors: tuple[SizeFactor, ...],
    step: Decimal | None,
) -> Decision:
    requested = floor_to_lot(exposure.requested_qty, step)
    approved, only_reduces = exposure.sized_qty, not exposure.adds
    if exposure.closes_small:
        # Possibly off the lot grid; the venue closes it as it is.
        requested = max(requested, approved)
    elif answers.denies_adding:
        approved = floor_to_lot(_closing(exposure, answers), step)
    if exposure.reducing_qty and approved <= exposure.reducing_qty:
        only_reduces = True
    rules = snapshot.instrument
    too_small = _is_under_minimum(approved, snapshot) and not exposure.closes_small
    if answers.denies_all or rules is None or too_small:
        approved = ZERO
    verdict = _DENY
    if approved > ZERO:
        verdict = _ALLOW if approved == requested else _SHRINK
    reasons = {result.reason for result in answers.failed}
    if verdict is not _ALLOW:
        reasons.update(FACTOR_REASONS[f.name] for f in factors if f.value < ONE)
    return Decision(
        request_id=intent.request_id,
        verdict=verdict,
        exposure=exposure.delta,
        requested_notional=intent.notional,
        requested_qty=requested,
        approved_qty=approved,
        approved_notional=_storable(approved * exposure.price),
        reference_price=_storable(exposure.price),
        reduce_only=intent.reduce_only or only_reduces,
        checks=tuple(answers.results),
        factors=factors,
        reasons=tuple(sorted(reasons, key=_REASON_ORDER.__getitem__)),
        decided_at=snapshot.taken_at,
        capped_by=answers.capped_by,
    )


def _storable(value: Decimal) -> Decimal:
    """Rounded down to the 18 decimals of a row, so that the stored decision equals the made one."""
    stored = _STORED.quantize(value, _STORED_STEP)
    return value if stored == value else stored


def _unclassified(
    intent: TradeIntent,
    snapshot: RiskSnapshot,
    limits: RiskLimits,
    plan: _Plan,
    error: Exception,
) -> Decision:
    """The decision without an exposure: nothing passes; the checks that need none are still
    asked."""
    if isinstance(error, Unclassifiable):
        first = unknown(EXPOSURE, str(error))
    else:
        first = _broken(EXPOSURE, error)
    results = [first]
    for rule, check, _, _ in (*plan.first, *plan.on_size):
        try:
            result = check(intent, None, snapshot, limits)  # type: ignore[arg-type]
        except Exception:  # noqa: BLE001 - most checks need the exposure that is missing
            result = unknown(rule, "the trade could not be put against the book")
        results.append(result)
    return _refused(intent, snapshot, *results)


def _refused(intent: TradeIntent, snapshot: RiskSnapshot, *results: CheckResult) -> Decision:
    bad = {result.reason for result in results if result.status not in (_PASS, _SKIPPED)}
    return Decision(
        request_id=intent.request_id,
        verdict=Verdict.DENY,
        exposure=None,
        requested_notional=intent.notional,
        requested_qty=ZERO,
        approved_qty=ZERO,
        approved_notional=ZERO,
        reference_price=None,
        reduce_only=intent.reduce_only,
        checks=results,
        factors=(),
        reasons=tuple(sorted(bad, key=_REASON_ORDER.__getitem__)),
        decided_at=snapshot.taken_at,
    )


def _broken(rule: Rule, error: Exception) -> CheckResult:
    return unknown(rule, f"{type(error).__name__}: {error}", TradeBlockReason.INTERNAL_ERROR)
