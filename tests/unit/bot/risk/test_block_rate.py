"""Block rates by reason and check, and when they are worth a hint."""

import pytest

from bot.risk.block_rate import block_rates
from bot.risk.codec import from_json, to_json
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from models.enums import TradeBlockReason
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D


def decided(confidence: float | None = 0.9, notional: str = "3000") -> Decision:
    intent = cases.intent(model=cases.model(confidence=confidence), notional=D(notional))
    return evaluate(intent, cases.snapshot(), cases.LIMITS)


def test_verdicts_reasons_and_checks_are_counted() -> None:
    rates = block_rates([decided(), decided(0.1), decided(None), decided(notional="30000")])
    assert (rates.decisions, rates.denied, rates.shrunk) == (4, 2, 1)
    assert rates.rate == 0.5
    assert dict(rates.by_reason)[TradeBlockReason.INSUFFICIENT_CONFIDENCE] == 2
    assert rates.by_check[0] == ("confidence", 2)
    assert rates.alone == (("confidence", 2),)
    assert rates.hint is None


def test_one_check_that_blocks_nearly_all_is_named_with_its_cause() -> None:
    low = [decided(0.55)] * 19 + [decided()]
    hint = block_rates(low).hint
    assert hint is not None
    assert "'confidence' denied 19 of 20" in hint
    assert "look at its limit" in hint
    silent = block_rates([decided(None)] * 20).hint
    assert silent is not None
    assert "its input is missing" in silent


@pytest.mark.parametrize("count", [0, 19])
def test_few_decisions_give_no_hint(count: int) -> None:
    rates = block_rates([decided(0.1)] * count)
    assert rates.hint is None
    assert rates.rate == (1.0 if count else 0.0)


def test_checks_that_share_the_blame_below_the_threshold_give_no_hint() -> None:
    assert block_rates([decided(0.1)] * 15 + [decided()] * 5).hint is None


def test_stored_decisions_are_counted_alike() -> None:
    stored = from_json(Decision, to_json(decided(0.1)))
    assert block_rates([stored]) == block_rates([decided(0.1)])
