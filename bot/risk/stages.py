"""The stages of strategies: which one is in force, and whether its trades are sent."""

from bot.risk.snapshot import StageView
from models.enums import StrategyStage

SHADOW, PAPER, SMALL = StrategyStage.SHADOW, StrategyStage.PAPER, StrategyStage.SMALL


def in_force(view: StageView, unknown: StrategyStage) -> StrategyStage:
    """The strategy's stage; `unknown` for one without a row."""
    return unknown if view.stage is None else view.stage


def sends(stage: StrategyStage, *, real_money: bool) -> bool:
    """Whether entries of a strategy at this stage are sent."""
    if stage is SHADOW:
        return False
    return not (stage is PAPER and real_money)


def why_not(stage: StrategyStage) -> str:
    """Why entries of a stage that sends nothing stay here."""
    if stage is PAPER:
        return "the strategy is at the stage paper, and the account may hold real money"
    return "the strategy is at the stage shadow"
