"""The facts and caps of a strategy that a person sets."""

from dataclasses import dataclass, fields
from decimal import Decimal
from enum import Enum
from typing import Any

from models.amounts import shortest
from models.tables import StrategyRow

_CAPS = ("max_trade_notional", "max_exposure", "max_requests_per_second")


class Keep(Enum):
    """Says that a field stays as it is; None takes a cap away."""

    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class Profile:
    """What changes. Money is in quote currency."""

    owner: str | Keep = KEEP
    version: str | Keep = KEEP
    max_trade_notional: Decimal | Keep | None = KEEP
    max_exposure: Decimal | Keep | None = KEEP
    max_requests_per_second: int | Keep | None = KEEP

    def widens(self, row: StrategyRow) -> bool:
        """Whether a cap goes, or rises."""
        return any(_is_wider(getattr(row, cap), getattr(self, cap)) for cap in _CAPS)

    def renews(self, row: StrategyRow) -> bool:
        """Whether another version is to trade than the one that the row names."""
        return bool(row.version) and self.version is not KEEP and self.version != row.version

    def apply(self, row: StrategyRow) -> dict[str, Any]:
        """Sets the row; returns each change as the pair of its values before and after."""
        made = {}
        for each in fields(self):
            before, after = getattr(row, each.name), getattr(self, each.name)
            if after is KEEP or after == before:
                continue
            setattr(row, each.name, after)
            made[each.name] = [_shown(before), _shown(after)]
        return made


def _is_wider(before: Any, after: Any) -> bool:
    if after is KEEP or before is None:
        return False
    return after is None or bool(after > before)


def _shown(value: Any) -> Any:
    return shortest(value) if isinstance(value, Decimal) else value
