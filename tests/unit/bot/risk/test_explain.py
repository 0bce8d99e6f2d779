"""Decisions in words: what was decided, why, and what would have passed."""

from bot.risk.explain import explain, needed, summary
from bot.risk.gate import evaluate
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D


def test_an_approval_says_what_was_approved() -> None:
    decision = evaluate(cases.intent(), cases.snapshot(), cases.LIMITS)
    assert summary(decision) == "Approved in full: 0.1 for 3000 USDT."
    assert needed(decision) == ()


def test_a_denial_names_every_cause_and_what_was_needed() -> None:
    model = cases.model(confidence=0.5, uncertainty=None)
    decision = evaluate(cases.intent(model=model), cases.snapshot(), cases.LIMITS)
    text = summary(decision)
    assert text.startswith("Blocked because the model's confidence: 0.5, but at least 0.6 is req")
    assert "the model's uncertainty: unknown, the input is missing" in text
    assert "minimum" not in text
    assert needed(decision) == (
        "the model's confidence at least 0.6",
        "the model's uncertainty at most 0.4",
    )


def test_a_shrunk_trade_names_the_cap_and_the_factor() -> None:
    intent = cases.intent(notional=D("30000"), model=cases.model(uncertainty=0.3))
    text = summary(evaluate(intent, cases.snapshot(), cases.LIMITS))
    assert text.startswith("Shrunk from 1 for 30000 USDT to 0.333 for 9990 USDT because")
    assert "the position afterwards: 30000 USDT, but at most 10000 USDT is required" in text
    assert "uncertainty 0.3 gives 0.875 (full size at 0.2)" in text


def test_a_clipped_flip_says_that_it_only_closes() -> None:
    snapshot = cases.snapshot(portfolio=cases.portfolio(positions=(cases.held("-0.05"),)))
    model = cases.model(confidence=0.5)
    decision = evaluate(cases.intent(model=model), snapshot, cases.LIMITS)
    assert "(the closing part, reduce-only)" in summary(decision)


def test_a_reduction_says_that_it_is_sent_reduce_only() -> None:
    snapshot = cases.snapshot(portfolio=cases.portfolio(positions=(cases.held("-0.5"),)))
    decision = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert summary(decision).endswith("reduce-only.")


def test_the_table_puts_what_failed_first_and_shows_ages() -> None:
    model = cases.model(confidence=0.5)
    explanation = explain(evaluate(cases.intent(model=model), cases.snapshot(), cases.LIMITS))
    first = explanation.checks[0]
    assert (first.name, first.status, first.value, first.limit, first.margin) == (
        "confidence",
        "fail",
        "0.5",
        "0.6",
        "-0.1",
    )
    ages = {line.name: line.data_age for line in explanation.checks}
    assert ages["spread"] == "0.2 s"
    assert ages["daily_loss"] == "1.0 s"
    assert explanation.checks[-1].status == "skipped"
    assert {line.name for line in explanation.factors} >= {"confidence", "recovery"}
    assert explanation.sentence.startswith("Blocked")
