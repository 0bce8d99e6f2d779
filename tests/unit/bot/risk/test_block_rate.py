"""Block rates by reason and check, and when they are worth a hint."""

from collections import Counter

import pytest

from bot.risk.block_rate import BlockRates, block_rates


def rates(
    decisions: int,
    by_check: dict[str, int] | None = None,
    *,
    alone: dict[str, int] | None = None,
    missing: dict[str, int] | None = None,
) -> BlockRates:
    checks = Counter(by_check or {})
    return block_rates(
        decisions,
        checks.total(),
        1,
        by_reason=Counter({"insufficient_confidence": checks.total()}),
        by_check=checks,
        alone=Counter(alone or {}),
        missing=Counter(missing or {}),
    )


def test_counts_are_kept_most_frequent_first() -> None:
    found = rates(4, {"spread": 1, "confidence": 2}, alone={"confidence": 2})
    assert (found.decisions, found.denied, found.shrunk) == (4, 3, 1)
    assert found.rate == 0.75
    assert found.by_reason == (("insufficient_confidence", 3),)
    assert found.by_check == (("confidence", 2), ("spread", 1))
    assert found.alone == (("confidence", 2),)
    assert found.hint is None


def test_one_check_that_blocks_nearly_all_is_named_with_its_cause() -> None:
    hint = rates(20, {"confidence": 19}, alone={"confidence": 18}).hint
    assert hint is not None
    assert "'confidence' denied 19 of 20" in hint
    assert "18 of them alone" in hint
    assert "look at its limit" in hint
    silent = rates(20, {"confidence": 20}, missing={"confidence": 20}).hint
    assert silent is not None
    assert "its input is missing" in silent


@pytest.mark.parametrize("count", [0, 19])
def test_few_decisions_give_no_hint(count: int) -> None:
    found = rates(count, {"confidence": count})
    assert found.hint is None
    assert found.rate == (1.0 if count else 0.0)


def test_checks_that_share_the_blame_below_the_threshold_give_no_hint() -> None:
    assert rates(20, {"confidence": 15, "spread": 5}).hint is None
