"""The stages of strategies: which one is in force, and whether its trades are sent."""

from models.enums import StrategyStage

SHADOW, PAPER, SMALL = StrategyStage.SHADOW, StrategyStage.PAPER, StrategyStage.SMALL


def in_force(stage: StrategyStage | None, unknown: StrategyStage) -> StrategyStage:
    """The stage of a strategy; `unknown` for None, which is a strategy without a row."""
    return unknown if stage is None else stage


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
