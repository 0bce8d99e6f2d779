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
    min_stage_samples: int = limit(
        30,
        "outcomes or entries with fills",
        "From so many samples on a figure of a stage is judged, for a promotion and for a fall.",
        low=2,
    )
    max_stage_shortfall: Decimal = limit(
        Decimal("0.05"),
        "share of the predictions",
        "By how much fewer predictions may come true at a stage than the model states, for a "
        "promotion.",
        LOWER,
        low=0,
        high=1,
    )
    max_stage_slippage_bps: Decimal = limit(
        Decimal(25),
        "bps of the notional",
        "The largest average slippage of the entries of a stage, for a promotion.",
        LOWER,
        above=0,
    )
    automatic_demotion: bool = limit(
        True,
        "",
        "A strategy falls one stage by itself when its model's breaker trips, when its losses "
        "trip repeatedly, or when its figures at the stages paper and small miss the demands of "
        "a promotion by far.",
        HIGHER,
    )
    demotion_factor: Decimal = limit(
        Decimal(2),
        "times the demand",
        "How far a figure must miss the demand of a promotion before the strategy falls.",
        LOWER,
        low=1,
    )
    demotion_loss_trips: int = limit(
        2,
        "trips",
        "So many trips of the strategy's breakers of losses at one stage make it fall.",
        LOWER,
        low=1,
    )
    demotion_window_days: float = limit(
        7.0,
        "days",
        "The time within which these trips count.",
        HIGHER,
        above=0,
    )
