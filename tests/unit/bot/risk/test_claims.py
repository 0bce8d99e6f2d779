"""A strategy's word on market and portfolio is told where it is far off, and decides nothing."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from bot.risk.claims import compare
from bot.risk.codec import from_json, to_json
from bot.risk.gate import evaluate
from bot.risk.snapshot import ClaimsView, RiskSnapshot, TradeIntent
from models.enums import CheckStatus
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import LIMITS, D


def told(snapshot: RiskSnapshot | None = None, **claims: Any) -> str | None:
    result = compare(ClaimsView(**claims), snapshot or cases.snapshot(), LIMITS)
    return None if result is None else result.sentence


@pytest.mark.parametrize(
    ("claims", "words"),
    [
        ({"portfolio_value": D("120000")}, "the portfolio's value is 100000 by our view"),
        ({"price": D("33100")}, "the price is 30000.1 by our view, 33100 by the strategy's"),
        ({"volatility": 0.04}, "the volatility is 0.03 by our view, 0.04"),
        ({"volume_24h": D(1000)}, "the volume of 24 hours is 5000000000"),
        ({"volatility": float("nan")}, None),
    ],
)
def test_what_is_far_off_is_told_with_both_numbers(
    claims: dict[str, Any], words: str | None
) -> None:
    sentence = told(**claims)
    assert (sentence is None) if words is None else (sentence is not None and words in sentence)


def test_what_is_near_or_unknown_here_is_not_told() -> None:
    near = {"portfolio_value": D("101000"), "price": D("30100"), "volatility": 0.031}
    assert told(**near) is None
    blind = cases.snapshot(market=None, portfolio=None)
    assert told(blind, **near) is None
    assert compare(None, cases.snapshot(), LIMITS) is None


def test_no_claim_changes_a_decision() -> None:
    plain = evaluate(cases.intent(), cases.snapshot(), LIMITS)
    for claims in (
        ClaimsView(D(1), 9.0, D(1), D(1)),
        ClaimsView(Decimal("NaN"), float("inf"), Decimal("1e-400"), Decimal("sNaN")),
    ):
        decision = evaluate(cases.intent(claims=claims), cases.snapshot(), LIMITS)
        assert decision.checks[:-1] == plain.checks
        assert decision.checks[-1].name == "claims"
        assert replace(decision, checks=plain.checks) == plain


def test_an_own_view_of_nothing_is_far_from_anything() -> None:
    flat = cases.snapshot(market=cases.market(volatility=0.0))
    assert told(flat, volatility=0.01) is not None


def test_claims_are_stored_with_the_intent_and_old_intents_have_none() -> None:
    intent = cases.intent(claims=ClaimsView(price=D("30000.50")))
    assert from_json(TradeIntent, to_json(intent)) == intent
    encoded = to_json(cases.intent())
    del encoded["claims"]
    assert from_json(TradeIntent, encoded).claims is None


def test_a_claim_that_breaks_the_comparison_is_unknown_and_denies_nothing() -> None:
    decision = evaluate(
        cases.intent(claims=ClaimsView(price=Decimal("sNaN"))), cases.snapshot(), LIMITS
    )
    assert decision.approved
    assert decision.check("claims").status is CheckStatus.UNKNOWN
