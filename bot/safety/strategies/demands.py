"""What a strategy's figures at its stage must show: for a promotion, and lest it falls by itself.

Both ask for the same. A promotion asks for the figures as they are. A fall asks for more: a figure
that misses its demand several times over, and a share of right predictions that chance does not
explain. What lies between neither rises nor falls, so that nothing flaps.
"""

import math
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeGuard, TypeVar

from config.keys.strategies import StrategyRules
from models.enums import StrategyStage

T = TypeVar("T")

_ERRORS = 3.0
"""So many standard errors are no chance. The figures are looked at again and again."""
_JUDGED = (StrategyStage.PAPER, StrategyStage.SMALL)
"""The stages whose figures are judged. A shadow has nowhere to fall, and a full strategy has the
breakers of its losses and its model."""


@dataclass(frozen=True, slots=True)
class Performance:
    """The figures of a strategy at its stage. Exits are left out."""

    outcomes: int = 0
    """Predictions with a known outcome."""
    right: int = 0
    stated: float | None = None
    """The mean probability that the model stated for them."""
    trades: int = 0
    """Entries with fills."""
    slippage_bps: Decimal | None = None
    """Their average price against the decisions' prices, by notional; positive costs."""

    @property
    def shortfall(self) -> float | None:
        """By how much fewer predictions came true than the model stated, as a share; None without
        any."""
        if not self.outcomes or self.stated is None:
            return None
        return self.stated - self.right / self.outcomes


@dataclass(frozen=True, slots=True)
class Trips:
    """How often the strategy's own breakers tripped at its stage, within the window."""

    model: int = 0
    losses: int = 0


def judges_figures(stage: StrategyStage) -> bool:
    """Whether the figures of this stage can make a strategy fall."""
    return stage in _JUDGED


def missed(found: Performance, rules: StrategyRules) -> tuple[str, ...]:
    """The demands of a promotion that the figures miss, in words; a figure of few samples is not
    judged."""
    said = []
    short, cost = found.shortfall, found.slippage_bps
    most, dear = float(rules.max_stage_shortfall), rules.max_stage_slippage_bps
    if _counts(short, found.outcomes, rules) and short > most:
        said.append(_of_model(found, f"{most:.1%} fewer are allowed"))
    if _counts(cost, found.trades, rules) and cost > dear:
        said.append(_of_slippage(found, dear))
    return tuple(said)


def why_it_falls(
    stage: StrategyStage, found: Performance, trips: Trips, rules: StrategyRules
) -> str | None:
    """Why a strategy falls one stage by itself; None when it stays."""
    if stage is StrategyStage.SHADOW or not rules.automatic_demotion:
        return None
    if trips.model:
        return "the breaker of its model tripped"
    if trips.losses >= rules.demotion_loss_trips:
        return (
            f"its breakers of losses tripped {trips.losses} times within "
            f"{rules.demotion_window_days:g} days at the stage"
        )
    return _why_of_figures(found, rules) if judges_figures(stage) else None


def _why_of_figures(found: Performance, rules: StrategyRules) -> str | None:
    short, cost = found.shortfall, found.slippage_bps
    most = float(rules.max_stage_shortfall * rules.demotion_factor)
    dear = rules.max_stage_slippage_bps * rules.demotion_factor
    if _counts(short, found.outcomes, rules) and short - _ERRORS * _standard_error(found) > most:
        return _of_model(found, f"{most:.1%} fewer and chance are allowed")
    if _counts(cost, found.trades, rules) and cost > dear:
        return _of_slippage(found, dear)
    return None


def _counts(figure: T | None, samples: int, rules: StrategyRules) -> TypeGuard[T]:
    """Whether a figure is known by enough samples."""
    return figure is not None and samples >= rules.min_stage_samples


def _standard_error(found: Performance) -> float:
    """Of the share of right predictions, if each came true with the stated probability."""
    stated = found.stated or 0.0
    return math.sqrt(max(stated * (1 - stated), 0.0) / found.outcomes)


def _of_model(found: Performance, bound: str) -> str:
    return (
        f"{found.right} of {found.outcomes} predictions came true, and its model states "
        f"{found.stated or 0:.1%}; {bound}"
    )


def _of_slippage(found: Performance, most: Decimal) -> str:
    return (
        f"its {found.trades} entries cost {found.slippage_bps:f} bps of slippage on average; "
        f"{most.normalize():f} bps are allowed"
    )
