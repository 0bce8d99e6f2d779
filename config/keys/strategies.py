"""How far strategies are trusted, and how they rise: the section `strategies`."""

from dataclasses import dataclass
from decimal import Decimal
from typing import ClassVar

from config.declaration import HIGHER, LOWER, limit
from config.vocabulary import StrategyStage


@dataclass(frozen=True, slots=True)
class StrategyRules:
    """The rules of the ladder of stages: shadow, paper, small, full."""

    SECTION: ClassVar[str] = "strategies"

    unknown_stage: StrategyStage = limit(
        StrategyStage.FULL,
        "",
        "The stage of a strategy that has no row (`mlrisk strategy set` makes one).",
        choices=tuple(StrategyStage),
    )
    small_share: Decimal = limit(
        Decimal("0.1"),
        "share of the size",
        "The size of the entries of a strategy at the stage small.",
        LOWER,
        above=0,
        high=1,
    )
    min_stage_days: float = limit(
        7.0,
        "days",
        "How long a strategy stays at a stage at least before its promotion.",
        HIGHER,
        low=0,
    )
    min_stage_decisions: int = limit(
        100,
        "decisions on entries",
        "How many decisions a strategy has at a stage at least before its promotion.",
        HIGHER,
        low=0,
    )
