"""Price bounds of exits: kept with the parent, anchored anew at each attempt."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import Any

from bot.risk.limits import RiskLimits
from bot.risk.snapshot import TradeIntent
from models.amounts import plain
from models.enums import TradeSide

CLOSES_POSITION = "closes_position"
"""Parameter of a parent that closes a whole position under the venue's smallest order."""


@dataclass(frozen=True, slots=True)
class ExitBounds:
    """Price bounds of a parent that only reduces; each attempt is anchored at its own touch."""

    bound_bps: Decimal
    """The bound of the first attempt, in basis points."""
    widest_bps: Decimal
    limit: Decimal | None
    """The strategy's own limit, which no attempt passes."""

    @property
    def widest_share(self) -> Decimal:
        """The widest distance from the touch, as a share of the price."""
        return self.widest_bps / 10_000

    def stored(self) -> dict[str, Any]:
        """The bounds as plain JSON, kept with the parent."""
        limit = None if self.limit is None else plain(self.limit)
        return {
            "bound_bps": plain(self.bound_bps),
            "widest_bps": plain(self.widest_bps),
            "limit": limit,
        }

    @classmethod
    def of(cls, params: Mapping[str, Any]) -> "ExitBounds | None":
        """Reads what `stored` wrote. None for parents that add risk and for older parents."""
        found = params.get("exit")
        if found is None:
            return None
        limit = found["limit"]
        return cls(
            Decimal(found["bound_bps"]),
            Decimal(found["widest_bps"]),
            None if limit is None else Decimal(limit),
        )


def exit_bounds(intent: TradeIntent, tick: Decimal, limits: RiskLimits) -> ExitBounds:
    """Makes the bounds from the configuration and the strategy's own limit on the tick grid."""
    rules, own = limits.working, intent.limit_price
    return ExitBounds(
        Decimal(repr(rules.exit_slippage_bps)),
        Decimal(repr(rules.exit_widest_bps)),
        None if own is None else nearest_tick(own, tick, intent.side),
    )


def nearest_tick(price: Decimal, tick: Decimal, side: TradeSide) -> Decimal:
    """As `round_to_tick`, but at least one tick, so that no rounding stops an exit."""
    rounding = ROUND_FLOOR if side is TradeSide.BUY else ROUND_CEILING
    return max(tick, (price / tick).to_integral_value(rounding) * tick)
