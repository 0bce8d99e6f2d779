"""Soft blocks: entries that the gate approves, and that use a limit beyond its soft level.

The soft level is a share of the hard limit (`gate.soft_share`), for the checks in
`gate.soft_checks`. The gate itself knows nothing of it, so that a decision is the same with and
without; what was soft is found again from the stored decision and its limits.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from models.amounts import ZERO, shortest
from models.enums import CheckStatus, Verdict

_ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class SoftBlock:
    """One limit whose soft level an approved entry has reached."""

    check: str
    value: Decimal
    """The compared value for the size that was asked for; at most the limit."""
    limit: Decimal
    soft_share: Decimal
    unit: str

    @property
    def share(self) -> float:
        """The used part of the limit; 1 is all of it."""
        return float(self.value / self.limit)

    @property
    def sentence(self) -> str:
        """For people: the limit, its use, and from where on it is soft."""
        unit = f" {self.unit}" if self.unit else ""
        return (
            f"{self.check} uses {self.share:.1%} of its limit ({shortest(self.value)} of "
            f"{shortest(self.limit)}{unit}); it is soft from {float(self.soft_share):.1%} on"
        )


def soft_blocks(decision: Decision, limits: RiskLimits) -> tuple[SoftBlock, ...]:
    """The soft levels that an approved entry has reached, in the order of the checks.

    None for a denial, and none for a trade that only reduces.
    """
    if limits.soft_share is None or decision.verdict is Verdict.DENY or decision.reduce_only:
        return ()
    soft = Decimal(repr(limits.soft_share))
    found = []
    for result in decision.checks:
        if result.name not in limits.soft_checks:
            continue
        value, limit = _number(result.value), _number(result.limit)
        if value is None or limit is None or limit <= ZERO:
            continue
        if result.status is CheckStatus.FAIL:
            value = min(value, limit)  # It has capped the size.
        if value / limit >= soft:
            found.append(SoftBlock(result.name, value, limit, soft, result.unit))
    return tuple(found)


def _number(text: str | None) -> Decimal | None:
    try:
        number = None if text is None else Decimal(text)
    except InvalidOperation:
        return None
    return number if number is not None and number.is_finite() else None
