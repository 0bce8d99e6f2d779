"""The gate's answer: a verdict, every check with its numbers, and the factors of the size.

The gate stores raw numbers; sentences and other texts are made on reading.
"""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from bot.risk.rule import Raw, Rule, number_text
from models.enums import CheckStatus, ExposureDelta, TradeBlockReason, Verdict


class CheckResult(NamedTuple):
    """One rule's answer.

    `value`, `limit` and `margin` are decimal text (or words for states), in `unit`; margin is the
    distance to the limit, negative when it is broken. `needed` is the value that would have passed.
    `cap` is the largest notional that this rule allows, when it limits size rather than forbids.
    """

    rule: Rule
    status: CheckStatus
    raw_value: Raw = None
    raw_limit: Raw = None
    cap: Decimal | None = None
    data_age_seconds: float | None = None
    detail: str | None = None
    """The fault in words, when the numbers don't show it."""
    because: TradeBlockReason | None = None
    """A reason other than the rule's own, for instance that an input was missing."""

    @property
    def name(self) -> str:
        """The check's name, as messages and stored decisions spell it."""
        return self.rule.name

    @property
    def reason(self) -> TradeBlockReason:
        """The code of a denial by this result: its own, or else its rule's."""
        return self.because or self.rule.reason

    @property
    def unit(self) -> str:
        """The unit of value, limit and margin; empty for words."""
        return self.rule.unit

    @property
    def value(self) -> str | None:
        """The measured value as text; None when it is unknown."""
        return self.rule.value_text(self)

    @property
    def limit(self) -> str | None:
        """The limit as text; None when there is none."""
        return self.rule.limit_text(self)

    @property
    def margin(self) -> str | None:
        """The distance to the limit as text, negative beyond it; None when it can't be computed."""
        return self.rule.margin_text(self)

    @property
    def needed(self) -> str | None:
        """The value that would have passed, as text.

        None when the check passed or was not asked.
        """
        return self.rule.needed_text(self)

    @property
    def sentence(self) -> str:
        """The result as one sentence for people."""
        return self.rule.sentence(self)


class SizeFactor(NamedTuple):
    """One multiplier of the size, in [0, 1]."""

    name: str
    value: Decimal
    measured: Raw = None
    """The measured input of the factor."""
    full_size: Raw = None
    """The input up to (or from) which the factor is 1."""
    recorded: str | None = None
    """The sentence of a stored decision, when this was read back."""

    @property
    def sentence(self) -> str:
        """The measured input and its effect on the size, as one sentence for people."""
        if self.recorded is not None:
            return self.recorded
        measured = number_text(self.measured)
        if measured is None:
            return f"{self.name} could not be measured, so it leaves no size."
        full = number_text(self.full_size)
        return f"{self.name} {measured} gives {number_text(self.value)} (full size at {full})."


@dataclass(frozen=True, slots=True)
class Decision:
    """The gate's answer to one trade request; pure in request, snapshot and limits."""

    request_id: str
    verdict: Verdict
    exposure: ExposureDelta | None
    requested_notional: Decimal
    requested_qty: Decimal
    approved_qty: Decimal
    approved_notional: Decimal
    reference_price: Decimal | None
    reduce_only: bool
    """Whether the order must be sent reduce-only, because it was approved as a reduction."""
    checks: tuple[CheckResult, ...]
    factors: tuple[SizeFactor, ...]
    reasons: tuple[TradeBlockReason, ...]
    decided_at: datetime
    capped_by: str | None = None
    """The check whose cap set the size, when one did."""

    @property
    def approved(self) -> bool:
        """Whether anything may be traded: ALLOW or SHRINK."""
        return self.verdict is not Verdict.DENY

    def check(self, name: str) -> CheckResult:
        """The result of one check by its name; KeyError when there is no such check."""
        for result in self.checks:
            if result.name == name:
                return result
        raise KeyError(name)
