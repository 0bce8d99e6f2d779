"""The stages of strategies are a ladder."""

from config.vocabulary import StrategyStage


def test_a_strategy_is_trusted_more_with_every_stage() -> None:
    stages = [StrategyStage.SHADOW, StrategyStage.PAPER, StrategyStage.SMALL, StrategyStage.FULL]
    assert [stage.rank for stage in stages] == [0, 1, 2, 3]
    assert stages == list(StrategyStage)
