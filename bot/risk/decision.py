"""What the gate answers: a verdict, every check with its numbers, and the factors of the size."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from models.enums import CheckStatus, ExposureDelta, TradeBlockReason, Verdict


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One rule's answer.

    `value`, `limit` and `margin` are decimal text (or words for states), in `unit`; margin is the
    distance to the limit, negative when it is broken. `needed` says what would have passed.
    `cap` is the largest notional that this rule allows, when it limits size rather than forbids.
    """

    name: str
    status: CheckStatus
    reason: TradeBlockReason
    sentence: str
    value: str | None = None
    limit: str | None = None
    margin: str | None = None
    unit: str = ""
    needed: str | None = None
    data_age_seconds: float | None = None
    cap: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SizeFactor:
    """One multiplier of the size, in [0, 1]."""

    name: str
    value: Decimal
    sentence: str


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
    """The order must be sent reduce-only: it was approved because it only reduces."""
    checks: tuple[CheckResult, ...]
    factors: tuple[SizeFactor, ...]
    reasons: tuple[TradeBlockReason, ...]
    decided_at: datetime

    @property
    def approved(self) -> bool:
        return self.verdict is not Verdict.DENY
