"""Which stages send, and where."""

import pytest

from bot.risk import stages
from models.enums import StrategyStage

S = StrategyStage


@pytest.mark.parametrize("stage", S)
@pytest.mark.parametrize("real_money", [False, True])
def test_a_shadow_never_sends_and_paper_sends_where_no_real_money_is(
    stage: StrategyStage, real_money: bool
) -> None:
    wanted = {S.SHADOW: False, S.PAPER: not real_money, S.SMALL: True, S.FULL: True}
    assert stages.sends(stage, real_money=real_money) is wanted[stage]
    if not wanted[stage]:
        assert stage.value in stages.why_not(stage)


def test_a_strategy_without_a_row_has_the_stage_of_the_limits() -> None:
    assert stages.in_force(None, S.SMALL) is S.SMALL
    assert stages.in_force(S.FULL, S.SHADOW) is S.FULL


def test_the_stages_stand_in_the_order_of_trust() -> None:
    assert sorted(S, key=lambda each: each.rank) == [S.SHADOW, S.PAPER, S.SMALL, S.FULL]
