"""How a recovery climbs back to full size: the section `recovery`."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit


@dataclass(frozen=True, slots=True)
class RecoveryRules:
    """The rules of the half-open ladder, whose steps are 10, 25, 50 and 100 % of the size."""

    SECTION: ClassVar[str] = "recovery"

    step_minutes: float = limit(
        15.0,
        "minutes",
        "How long a recovery stays on each step at least.",
        HIGHER,
        low=0,
    )
    good_fills: int = limit(
        3,
        "fills of entries",
        "How many fills of entries each step takes before the next one.",
        HIGHER,
        low=0,
    )
    max_loss: Decimal = limit(
        Decimal("0.005"),
        "share of the equity at the recovery's begin",
        "A larger loss ends the recovery, and what it left comes back.",
        LOWER,
        above=0,
        high=1,
    )
    max_failures: int = limit(
        3,
        "child orders",
        "More orders of one step that were rejected or lost end the recovery.",
        LOWER,
        low=0,
    )
