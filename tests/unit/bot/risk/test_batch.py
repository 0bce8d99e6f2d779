"""A batch is decided whole: each trade counts those before it."""

from dataclasses import replace

from bot.risk.batch import evaluate_batch
from models.enums import TradeBlockReason, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D


def test_each_trade_counts_those_before_it() -> None:
    intents = [cases.intent(request_id=f"r-{i}", notional=D("6000")) for i in range(2)]
    first, second = evaluate_batch(intents, cases.snapshot(), cases.LIMITS)
    assert first.verdict is Verdict.ALLOW
    assert second.verdict is Verdict.SHRINK
    assert second.approved_notional <= 4000
    assert second.check("free_margin").limit == "93765"


def test_one_denied_trade_denies_all_and_is_named() -> None:
    bad = cases.intent(request_id="bad", model=cases.model(confidence=0.1))
    decisions = evaluate_batch([cases.intent(), bad], cases.snapshot(), cases.LIMITS)
    assert {d.verdict for d in decisions} == {Verdict.DENY}
    assert all("denied: bad" in d.check("batch").sentence for d in decisions)
    assert decisions[0].reasons == (TradeBlockReason.INSUFFICIENT_MARGIN,)
    assert TradeBlockReason.INSUFFICIENT_CONFIDENCE in decisions[1].reasons


def test_reductions_take_no_margin_from_the_batch() -> None:
    snapshot = cases.snapshot(
        portfolio=cases.portfolio(positions=(cases.held("-0.5"),), available_margin=D("1"))
    )
    intents = [cases.intent(request_id=f"r-{i}") for i in range(2)]
    decisions = evaluate_batch(intents, snapshot, cases.LIMITS)
    assert {d.verdict for d in decisions} == {Verdict.ALLOW}
    assert all(d.reduce_only for d in decisions)


def test_without_a_portfolio_the_whole_batch_is_denied() -> None:
    snapshot = replace(cases.snapshot(), portfolio=None)
    (decision,) = evaluate_batch([cases.intent()], snapshot, cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert decision.check("batch").value is None


def test_an_empty_batch_has_nothing_to_decide() -> None:
    assert evaluate_batch([], cases.snapshot(), cases.LIMITS) == ()
