"""The sentences about blocks: who cost, who saved, and what is not clear."""

from dataclasses import replace
from decimal import Decimal

from bot.gate_value.figures import BlockValue, ValueFinding
from bot.gate_value.sentences import sentence

COST = BlockValue(
    name="spread",
    blocks=100,
    alone=90,
    unknown={},
    false_blocks=60,
    avoided=Decimal(1),
    missed=Decimal(5),
    bps_a_day=-3.1,
    low=-5.2,
    high=-1.0,
    p_value=0.001,
    finding=ValueFinding.COST,
    needs_more=None,
    block_hours=6.0,
)


def test_a_cost_and_a_saving_are_told_with_their_interval_as_positive_numbers() -> None:
    assert sentence(COST) == "spread cost 3.10 bps a day (95 %: 1.00 to 5.20)"
    saved = replace(COST, bps_a_day=3.1, low=1.0, high=5.2, finding=ValueFinding.SAVED)
    assert sentence(saved) == "spread saved 3.10 bps a day (95 %: 1.00 to 5.20)"


def test_what_is_unclear_tells_what_it_takes() -> None:
    unclear = replace(COST, high=0.4, finding=ValueFinding.UNCLEAR, needs_more=250)
    assert sentence(unclear) == (
        "spread: -3.10 bps a day (95 %: -5.20 to +0.40), not distinguishable from zero; needs "
        "about 250 more blocks"
    )
    never = replace(unclear, needs_more=None)
    assert sentence(never).endswith("no number of blocks in sight would tell")
    few = replace(unclear, low=None, high=None)
    assert "too few independent blocks for an interval; needs about 250" in sentence(few)


def test_without_a_known_worth_nothing_is_said() -> None:
    assert sentence(replace(COST, bps_a_day=None)) == "spread: no block of known worth"
