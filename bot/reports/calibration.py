"""The review of limits by what recorded decisions say: how near they came, what reached them, and
a proposal for each.

A proposal changes nothing. The rules are few and stated, so that a person can disagree with them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from enum import StrEnum
from typing import Any

from bot.gate_value.figures import BlockValue, ValueFinding
from bot.risk.rule import Sense, as_decimal, number_text
from bot.safety.breakers.quality import Quality
from bot.safety.stress_load import quantile
from config.declaration import Declaration, Stricter
from models.amounts import ZERO

LEAST_ASKED = 200
"""Fewer decisions propose nothing."""
UNUSED = Decimal("0.5")
"""A limit that was used up to this share at most, and never reached, may be tighter."""
ROOM = Decimal("0.8")
"""A tighter value leaves a fifth of itself free over the most that was used."""
SMALLEST_STEP = Decimal("0.5")
"""A step never more than halves a limit: calm months say nothing about the other ones."""
MOSTLY = 0.5
"""A limit that stops more than this share of what it is asked about is questioned."""
LEAST_TRIPS = 4
"""Fewer trips say nothing about a breaker."""
_NEAR = Decimal("0.9")
_DIGITS = 2


class Proposal(StrEnum):
    """What the review proposes."""

    KEEP = "keep"
    TIGHTEN = "tighten"
    QUESTION = "question"
    """A person looks at it: it costs, or it stops nearly everything."""
    NOT_JUDGED = "not judged"


@dataclass
class LimitReadings:
    """What decisions say about one check."""

    asked: int = 0
    """Decisions with a value and a limit to compare."""
    reached: int = 0
    """Decisions in which the limit was broken, or capped the size."""
    near: int = 0
    """Decisions that used nine tenths or more, without breaking it."""
    unknown: int = 0
    """Decisions without the value."""
    deciding: int = 0
    """Denials by it alone, and sizes that it set."""
    uses: list[float] = field(default_factory=list)
    """The used share of the limit, one for each decision that was asked."""

    def note(self, check: Mapping[str, Any], sense: Sense, *, decided: bool) -> None:
        """Counts one stored result. A skipped check says nothing."""
        status = check["status"]
        if status == "skipped":
            return
        if status == "unknown":
            self.unknown += 1
            self.deciding += decided
            return
        use = _use(check.get("value"), check.get("limit"), sense)
        if use is None:
            return
        self.asked += 1
        self.deciding += decided
        self.uses.append(float(use))
        if status == "fail":
            self.reached += 1
        elif use >= _NEAR:
            self.near += 1

    def headroom(self, share: float) -> float | None:
        """The free part of the limit that this share of the decisions had at least; negative where
        the limit was broken. None without a decision."""
        used = quantile(sorted(self.uses), share)
        return None if used is None else 1 - used

    @property
    def fullest(self) -> float | None:
        """The largest used share."""
        return max(self.uses, default=None)


@dataclass(frozen=True, slots=True)
class Reviewed:
    """One limit with what was read of it and the proposal."""

    path: str
    """`section.key` of the limit."""
    check: str
    """The check that compares with it; empty when none does."""
    value: str | None
    unit: str
    readings: LimitReadings
    worth: BlockValue | None
    """What its blocks were worth, by the gate-value ledger."""
    proposal: Proposal
    why: str
    proposed: str | None = None
    """The tighter value."""


def review(
    declared: Declaration,
    in_force: Any,
    check: str,
    readings: LimitReadings,
    worth: BlockValue | None,
) -> Reviewed:
    """The proposal for one limit with its value in force, in the form of the file."""
    value = None if in_force is None else declared.to_file(in_force)

    def found(proposal: Proposal, why: str, proposed: str | None = None) -> Reviewed:
        shown = _text(value)
        return Reviewed(
            declared.path, check, shown, declared.unit, readings, worth, proposal, why, proposed
        )

    if not check:
        return found(Proposal.NOT_JUDGED, "no check compares a value with it alone")
    if value is None or value is False:
        return found(Proposal.NOT_JUDGED, "it is off")
    if not readings.asked:
        return found(Proposal.NOT_JUDGED, "no decision compared a number with it")
    if worth is not None and worth.finding is ValueFinding.COST:
        return found(
            Proposal.QUESTION,
            f"its blocks cost money beyond chance: try `mlrisk replay --set {declared.path}=...`",
        )
    if readings.asked < LEAST_ASKED:
        return found(
            Proposal.KEEP, f"{readings.asked} decisions say too little: {LEAST_ASKED} are needed"
        )
    if readings.reached > MOSTLY * readings.asked:
        return found(Proposal.QUESTION, "it stops most of what it is asked about")
    fullest = readings.fullest or 0.0
    if readings.reached == 0 and 0 < fullest <= UNUSED:
        tighter = _tighter(declared, value, Decimal(repr(fullest)))
        if tighter is not None:
            why = f"nothing reached it, and nothing used more than {fullest:.0%}"
            return found(Proposal.TIGHTEN, why, tighter)
    if worth is not None and worth.finding is ValueFinding.SAVED:
        return found(Proposal.KEEP, "its blocks saved money beyond chance")
    return found(Proposal.KEEP, "it is used, and nothing speaks against it")


@dataclass(frozen=True, slots=True)
class ReviewedBreaker:
    """One kind of breaker with its trips and the proposal."""

    kind: str
    trips: int
    false_trips: int
    proposal: Proposal
    why: str


def review_breakers(kinds: Iterable[str], found: Sequence[Quality]) -> list[ReviewedBreaker]:
    """The proposal for each kind of breaker, by its trips."""
    by_kind = {each.kind: each for each in found}
    return [_breaker(kind, by_kind.get(kind)) for kind in sorted({*kinds, *by_kind})]


def _breaker(kind: str, quality: Quality | None) -> ReviewedBreaker:
    trips = 0 if quality is None else quality.trips
    false = 0 if quality is None else quality.false_trips
    if trips == 0:
        return ReviewedBreaker(kind, 0, 0, Proposal.KEEP, "it did not trip")
    if trips >= LEAST_TRIPS and false > MOSTLY * trips:
        why = "most of its trips were false: `mlrisk breaker report` has them"
        return ReviewedBreaker(kind, trips, false, Proposal.QUESTION, why)
    few = f"; {LEAST_TRIPS} trips are needed to question it" if trips < LEAST_TRIPS else ""
    return ReviewedBreaker(kind, trips, false, Proposal.KEEP, f"{false} of {trips} false{few}")


def _use(value: object, limit: object, sense: Sense) -> Decimal | None:
    """The used share of a limit; None where value or limit is no number above zero."""
    found, bound = _number(value), _number(limit)
    if found is None or bound is None or sense is Sense.IS:
        return None
    part, whole = (bound, found) if sense is Sense.AT_LEAST else (found, bound)
    if part < ZERO or whole <= ZERO:
        return None
    return part / whole


def _number(text: object) -> Decimal | None:
    if not isinstance(text, str):
        return None
    try:
        number = Decimal(text)
    except ArithmeticError:
        return None
    return number if number.is_finite() else None


def _tighter(declared: Declaration, value: Any, fullest: Decimal) -> str | None:
    """The stricter value with some room over the most that was used; None where there is none."""
    now = as_decimal(value)
    if now is None or isinstance(value, bool) or now <= ZERO:
        return None
    step = max(fullest / ROOM, SMALLEST_STEP)
    if declared.stricter is Stricter.LOWER:
        wanted = _rounded(now * step, ROUND_CEILING, whole=isinstance(value, int))
        is_tighter = wanted < now
    elif declared.stricter is Stricter.HIGHER:
        wanted = _rounded(now / step, ROUND_FLOOR, whole=isinstance(value, int))
        is_tighter = wanted > now
    else:
        return None
    return number_text(wanted) if is_tighter and _is_accepted(declared, wanted) else None


def _rounded(value: Decimal, towards: str, *, whole: bool) -> Decimal:
    """Two digits, or a whole number, to the looser side."""
    if whole:
        return value.quantize(Decimal(1), rounding=towards)
    return Context(prec=_DIGITS, rounding=towards).plus(value)


def _is_accepted(declared: Declaration, value: Decimal) -> bool:
    number = float(value)
    return (
        (declared.low is None or number >= declared.low)
        and (declared.high is None or number <= declared.high)
        and (declared.above is None or number > declared.above)
    )


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float | Decimal | str):
        return number_text(value)
    return str(value)
