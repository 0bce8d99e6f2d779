"""Drawdown by tiers: the deeper the fall from the peak, the less is allowed.

A tier begins when the smaller of the raw and the smoothed drawdown reaches it, so that one reading
starts nothing. It ends when the larger one has fallen clearly below it, so that nothing restarts
during a fall.
"""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum


class DrawdownTier(StrEnum):
    """What the drawdown allows; stored, so never renamed."""

    GREEN = "green"
    """Everything."""
    YELLOW = "yellow"
    """Half of the size."""
    ORANGE = "orange"
    """Only reducing."""
    RED = "red"
    """Nothing: trading is halted, and the positions are to be closed."""

    @property
    def depth(self) -> int:
        """The tier's rank, from the mildest to the strictest."""
        return _DEPTH[self]


_DEPTH = {tier: rank for rank, tier in enumerate(DrawdownTier)}


@dataclass(frozen=True, slots=True)
class TierLimits:
    """From which drawdown each tier begins, as shares of the peak, and how it ends."""

    yellow: Decimal
    orange: Decimal
    red: Decimal
    hysteresis: Decimal

    def begins(self, tier: DrawdownTier) -> Decimal:
        """The drawdown from which a tier begins; 0 for green."""
        return {
            DrawdownTier.GREEN: Decimal(0),
            DrawdownTier.YELLOW: self.yellow,
            DrawdownTier.ORANGE: self.orange,
            DrawdownTier.RED: self.red,
        }[tier]


def next_tier(
    before: DrawdownTier, raw: Decimal, smoothed: Decimal, limits: TierLimits
) -> DrawdownTier:
    """The tier after a reading of both drawdowns. The threshold itself begins a tier.

    RED is left by nobody here: a person resets it.
    """
    if before is DrawdownTier.RED:
        return before
    reached = _tier_of(min(raw, smoothed), limits, Decimal(1))
    if reached.depth >= before.depth:
        return reached
    kept = _tier_of(max(raw, smoothed), limits, limits.hysteresis)
    return min(before, max(kept, reached, key=_depth), key=_depth)


def smooth(before: Decimal | None, raw: Decimal, seconds: float, half_life: float) -> Decimal:
    """The smoothed drawdown after so many seconds; the first reading stands for itself only in
    part, from no drawdown at all."""
    keep = Decimal(repr(0.5 ** (max(0.0, seconds) / half_life)))
    return (before or Decimal(0)) * keep + raw * (1 - keep)


def _tier_of(drawdown: Decimal, limits: TierLimits, factor: Decimal) -> DrawdownTier:
    held = (t for t in DrawdownTier if drawdown >= limits.begins(t) * factor)
    return max(held, key=_depth, default=DrawdownTier.GREEN)


def _depth(tier: DrawdownTier) -> int:
    return tier.depth
