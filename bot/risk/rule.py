"""The identity of a check: its name, its measure, and the text of its numbers."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from models.enums import CheckStatus, TradeBlockReason

if TYPE_CHECKING:
    from bot.risk.decision import CheckResult

Raw = Decimal | float | int | str | None

# Twelve digits tell any two limits apart and keep a ratio from filling a line.
_TEXT_CONTEXT = Context(prec=12, rounding=ROUND_HALF_EVEN)
_EXACT_CONTEXT = Context(prec=50, rounding=ROUND_HALF_EVEN)


class Sense(StrEnum):
    """The required relation of the value to the limit."""

    AT_LEAST = "at least"
    AT_MOST = "at most"
    BELOW = "below"
    """The limit itself trips."""
    IS = "to be"
    """A word or a state, not a number."""


def number_text(value: Raw) -> str | None:
    """A raw number as plain decimal digits without exponent; words stay as they are."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(value)
    exact = Decimal(repr(value)) if isinstance(value, float) else value
    if not exact.is_finite():
        return str(exact).lower()
    text = format(_TEXT_CONTEXT.plus(exact), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def as_decimal(value: Raw) -> Decimal | None:
    """A raw number as finite Decimal, or None for words, absent values, NaN and infinities."""
    if value is None or isinstance(value, str):
        return None
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    return number if number.is_finite() else None


@dataclass(frozen=True, slots=True)
class Rule:
    """One check's identity: name, reason code, meaning of its value, and comparison."""

    name: str
    reason: TradeBlockReason
    subject: str
    sense: Sense
    unit: str = ""

    def value_text(self, result: "CheckResult", /) -> str | None:
        """The measured value as text; None when it is unknown."""
        return number_text(result.raw_value)

    def limit_text(self, result: "CheckResult", /) -> str | None:
        """The limit as text; None when the result has none."""
        return number_text(result.raw_limit)

    def margin_text(self, result: "CheckResult", /) -> str | None:
        """Distance to the limit, negative when it is broken."""
        if isinstance(result.raw_value, bool) or self.sense is Sense.IS:
            return None
        value, limit = as_decimal(result.raw_value), as_decimal(result.raw_limit)
        if value is None or limit is None:
            return None
        larger, smaller = (value, limit) if self.sense is Sense.AT_LEAST else (limit, value)
        # In a context of its own, so that the text does not depend on a library's settings.
        return number_text(_EXACT_CONTEXT.subtract(larger, smaller))

    def needed_text(self, result: "CheckResult", /) -> str | None:
        """The value that would have passed; None when the check passed or did not apply."""
        if result.status in (CheckStatus.PASS, CheckStatus.SKIPPED):
            return None
        limit = self.limit_text(result)
        if limit is None:
            return f"a readable value of {self.subject}"
        return f"{self.subject} {self.sense.value} {self._with_unit(limit)}"

    def sentence(self, result: "CheckResult", /) -> str:
        """The result as one sentence: value, limit, and the required relation."""
        subject = self.subject[0].upper() + self.subject[1:]
        if result.status is CheckStatus.SKIPPED:
            return f"{subject}: not asked, {result.detail or 'the rule does not apply'}."
        if result.status is CheckStatus.UNKNOWN:
            return f"{subject}: unknown, {result.detail or 'the input is missing'}."
        value = self._with_unit(self.value_text(result) or "nothing")
        limit = self.limit_text(result)
        tail = f" ({result.detail})" if result.detail else ""
        if limit is None:
            return f"{subject}: {value}{tail}."
        word = "and" if result.status is CheckStatus.PASS else "but"
        sense = "" if self.sense is Sense.IS else f"{self.sense.value} "
        return f"{subject}: {value}, {word} {sense}{self._with_unit(limit)} is required{tail}."

    def _with_unit(self, text: str) -> str:
        return f"{text} {self.unit}" if self.unit and text[-1:].isdigit() else text


class RecordedRule(Rule):
    """A rule as a stored decision shows it, with the recorded texts instead of today's."""

    __slots__ = ("_texts",)

    def __init__(
        self, name: str, reason: TradeBlockReason, unit: str, texts: dict[str, str | None]
    ):
        super().__init__(name=name, reason=reason, subject=name, sense=Sense.IS, unit=unit)
        object.__setattr__(self, "_texts", texts)

    def _text(self, key: str) -> str | None:
        texts: dict[str, str | None] = object.__getattribute__(self, "_texts")
        return texts.get(key)

    def value_text(self, _result: "CheckResult", /) -> str | None:
        """The value as it was recorded."""
        return self._text("value")

    def limit_text(self, _result: "CheckResult", /) -> str | None:
        """The limit as it was recorded."""
        return self._text("limit")

    def margin_text(self, _result: "CheckResult", /) -> str | None:
        """The margin as it was recorded."""
        return self._text("margin")

    def needed_text(self, _result: "CheckResult", /) -> str | None:
        """The needed value as it was recorded."""
        return self._text("needed")

    def sentence(self, _result: "CheckResult", /) -> str:
        """The sentence as it was recorded; empty when none was."""
        return self._text("sentence") or ""
