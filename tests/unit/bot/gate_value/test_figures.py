"""What blocks were worth: money that adds up, and sentences that hold together."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import numpy as np
import pytest

from benchmarks.support.planted_blocks import PLANTED, SINCE, world
from bot.gate_value.attribution import Blocker
from bot.gate_value.figures import (
    BlockValue,
    GroupBy,
    JudgedBlock,
    ValueFinding,
    block_values,
    holm,
)
from bot.gate_value.sentences import sentence
from models.enums import NotValued

START = datetime(2026, 3, 1, tzinfo=UTC)
UNTIL = START + timedelta(days=20)


def block(
    minute: int, bps: float | None, *names: str, why: NotValued | None = None, symbol: str = "A"
) -> JudgedBlock:
    at = START + timedelta(minutes=minute)
    return JudgedBlock(
        decided_at=at,
        known_at=at + timedelta(minutes=5),
        strategy="s",
        symbol=symbol,
        blockers=tuple(Blocker(name, 1 / len(names)) for name in names),
        profit=None if bps is None else Decimal(repr(bps)),
        profit_bps=bps,
        not_valued=why,
    )


def by_check(*blocks: JudgedBlock) -> dict[str, BlockValue]:
    found = block_values(blocks, GroupBy.CHECK, START, UNTIL)
    return {each.name: each for each in found}


def spread_out(mean: float, noise: float, count: int = 400) -> list[JudgedBlock]:
    chance = np.random.default_rng(11)
    minutes = np.sort(chance.integers(0, 20 * 1440, count))
    return [
        block(int(minute), float(mean + noise * chance.standard_normal()), "limit")
        for minute in minutes
    ]


def test_a_shared_block_counts_in_parts_and_what_is_unknown_is_counted_apart() -> None:
    found = by_check(
        block(1, -4.0, "a"),
        block(2, 6.0, "a", "b"),
        block(3, None, "a", why=NotValued.NO_MINUTES),
        block(4, None, "c", why=NotValued.LIMIT_NOT_REACHED),
    )
    a, b, c = found["a"], found["b"], found["c"]
    assert (a.blocks, a.alone, a.false_blocks, a.unknown) == (2, 1, 1, {"no_minutes": 1})
    assert (a.avoided, a.missed, a.net) == (Decimal(4), Decimal(3), Decimal(1))
    assert (b.avoided, b.missed, b.false_share) == (Decimal(0), Decimal(3), 1.0)
    assert a.bps_a_day == pytest.approx((4 - 3) / 20)
    assert (c.blocks, c.bps_a_day, c.false_share) == (0, None, None)
    assert c.unknown == {"limit_not_reached": 1}
    assert sentence(c) == "c: no block of known worth"
    assert "too few independent blocks" in sentence(a)


def test_by_symbol_each_block_counts_whole() -> None:
    blocks = [block(1, 6.0, "a", "b", symbol="X"), block(2, -1.0, "a", symbol="Y")]
    found = block_values(blocks, GroupBy.SYMBOL, START, UNTIL)
    assert {each.name: each.net for each in found} == {"X": Decimal(-6), "Y": Decimal(1)}


def test_a_check_that_costs_money_is_said_to_with_its_interval() -> None:
    value = by_check(*spread_out(0.5, 1.0))["limit"]
    assert value.finding is ValueFinding.COST
    assert value.low is not None
    assert value.high is not None
    assert value.low < -0.5 * 20 < value.high < 0
    told = sentence(value)
    assert told.startswith("limit cost ")
    assert "bps a day (95 %: " in told
    assert by_check(*spread_out(-0.5, 1.0))["limit"].finding is ValueFinding.SAVED


def test_what_is_not_clear_says_how_many_blocks_would_tell() -> None:
    value = by_check(*spread_out(0.03, 1.0))["limit"]
    assert value.finding is ValueFinding.UNCLEAR
    assert value.needs_more is not None
    assert "not distinguishable from zero; needs about" in sentence(value)
    few = by_check(block(1, 1.0, "few"), block(9000, 1.0, "few"))["few"]
    assert few.needs_more == 6


def test_among_many_checks_one_weak_finding_is_not_said() -> None:
    """Alone its interval leaves out zero; among twenty others it may be chance."""
    weak = spread_out(0.13, 1.0)
    alone = by_check(*weak)["limit"]
    assert alone.finding is ValueFinding.COST
    chance = np.random.default_rng(4)
    others = [
        block(int(minute), float(chance.standard_normal()), f"check {number}")
        for number in range(20)
        for minute in chance.integers(0, 20 * 1440, 60)
    ]
    among = by_check(*weak, *others)
    assert among["limit"].high == alone.high
    assert among["limit"].finding is ValueFinding.UNCLEAR


def test_holm_multiplies_by_the_number_that_is_left_and_keeps_the_order() -> None:
    assert holm({"a": 0.01, "b": 0.02, "c": 0.03}) == {"a": 0.03, "b": 0.04, "c": 0.04}
    assert holm({"a": 0.5, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}


def test_where_the_truth_was_planted_the_sign_is_right_and_intervals_cover() -> None:
    """Heavy tails, spells, overlapping horizons; `python -m benchmarks.gate_value` has more."""
    seen: Counter[str] = Counter()
    for seed in range(12):
        made = world(seed, days=20, strength=10.0)
        for value in block_values(made.blocks, GroupBy.CHECK, SINCE, made.until):
            truth = made.truth[value.name]
            assert value.low is not None
            assert value.high is not None
            seen["intervals"] += 1
            seen["cover"] += value.low <= truth <= value.high
            if value.finding is not ValueFinding.UNCLEAR:
                seen["said"] += 1
                seen["right"] += (value.finding is ValueFinding.SAVED) == (truth > 0) and truth != 0
    assert seen["intervals"] == 12 * len(PLANTED)
    assert seen["cover"] >= 0.85 * seen["intervals"]
    assert seen["said"] >= 12
    assert seen["right"] >= 0.95 * seen["said"]
