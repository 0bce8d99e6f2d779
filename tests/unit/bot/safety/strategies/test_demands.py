"""The demands of a promotion and of a fall, and what lies between them."""

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.strategies.demands import Performance, Trips, missed, why_it_falls
from config.keys.strategies import StrategyRules
from models.enums import StrategyStage
from tests.support.properties import examples

S = StrategyStage
RULES = StrategyRules()
QUIET = Trips()
GOOD = Performance(outcomes=400, right=250, stated=0.6, trades=40, slippage_bps=Decimal(5))


def falls(found: Performance = GOOD, trips: Trips = QUIET, stage: S = S.SMALL) -> bool:
    return why_it_falls(stage, found, trips, RULES) is not None


def test_a_good_record_neither_refuses_a_promotion_nor_falls() -> None:
    assert missed(GOOD, RULES) == ()
    assert not falls()


@pytest.mark.parametrize(
    ("right", "refused", "falls_"),
    [(220, False, False), (219, True, False), (171, True, False), (170, True, True)],
)
def test_a_model_that_is_wrong_more_often_first_refuses_and_then_falls(
    right: int, refused: bool, falls_: bool
) -> None:
    """60 % are stated: 5 points fewer refuse, and 10 points and three errors (7.3) fewer fall."""
    found = replace(GOOD, right=right)
    assert (missed(found, RULES) != (), falls(found)) == (refused, falls_)


@pytest.mark.parametrize(
    ("bps", "refused", "falls_"),
    [("25", False, False), ("25.01", True, False), ("50.01",) + (True,) * 2],
)
def test_dear_entries_first_refuse_and_then_make_it_fall(
    bps: str, refused: bool, falls_: bool
) -> None:
    found = replace(GOOD, slippage_bps=Decimal(bps))
    assert (missed(found, RULES) != (), falls(found)) == (refused, falls_)


def test_few_samples_and_missing_figures_say_nothing() -> None:
    bad = Performance(outcomes=29, right=0, stated=0.9, trades=29, slippage_bps=Decimal(900))
    for found in (bad, Performance()):
        assert missed(found, RULES) == ()
        assert not falls(found)
    enough = replace(bad, outcomes=30, trades=30)
    assert len(missed(enough, RULES)) == 2
    assert falls(enough)


def test_figures_lower_a_strategy_at_paper_and_small_alone() -> None:
    bad = replace(GOOD, right=0)
    assert [falls(bad, stage=stage) for stage in S] == [False, True, True, False]


def test_trips_lower_a_strategy_at_every_stage_but_the_lowest() -> None:
    for trips in (Trips(model=1), Trips(losses=2)):
        assert [falls(trips=trips, stage=stage) for stage in S] == [False, True, True, True]
    assert not falls(trips=Trips(losses=1), stage=S.FULL)
    off = replace(RULES, automatic_demotion=False)
    assert why_it_falls(S.FULL, GOOD, Trips(model=9, losses=9), off) is None


@settings(max_examples=examples(200))
@given(
    outcomes=st.integers(0, 2000),
    share=st.floats(0, 1),
    stated=st.floats(0.5, 1),
    trades=st.integers(0, 200),
    bps=st.decimals(-100, 1000, places=2),
)
def test_figures_that_make_it_fall_also_refuse_its_promotion(
    outcomes: int, share: float, stated: float, trades: int, bps: Decimal
) -> None:
    """Otherwise it could rise again with the very figures that lowered it."""
    right = round(outcomes * share)
    found = Performance(outcomes, right, stated, trades, bps)
    if falls(found):
        assert missed(found, RULES) != ()
