"""A decision explained: what failed stands first, with what would have passed."""

import io

from rich.console import Console

from bot.risk.gate import evaluate
from console.views.explanation import decision_facts, print_decision, print_stored
from tests.unit.bot.risk import cases


def out() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=250), text


def test_every_check_and_factor_of_a_denial_is_told() -> None:
    intent = cases.intent(model=cases.model(confidence=0.1))
    decision = evaluate(intent, cases.snapshot(), cases.LIMITS)
    facts = decision_facts(decision, cases.LIMITS)
    assert [check["name"] for check in facts["checks"]] == [c.name for c in decision.checks]
    console, text = out()
    print_decision(console, facts)
    told = text.getvalue()
    assert told.startswith("DENY: ")
    assert "needed: " in told
    assert told.index("confidence") < told.index("spread"), "what failed stands first"


def test_a_cap_is_named() -> None:
    decision = evaluate(cases.intent(notional=cases.D(30_000)), cases.snapshot(), cases.LIMITS)
    assert decision.capped_by
    console, text = out()
    print_decision(console, decision_facts(decision, cases.LIMITS))
    assert f"the size is the cap of {decision.capped_by}" in text.getvalue()


def test_a_soft_block_is_told_as_a_warning() -> None:
    limits = cases.limits(soft_share=0.01)
    decision = evaluate(cases.intent(), cases.snapshot(), limits)
    console, text = out()
    print_decision(console, decision_facts(decision, limits))
    assert "warning: position_size uses " in text.getvalue()
    assert decision_facts(decision, cases.LIMITS)["soft_blocks"] == []


def test_a_refused_message_is_told_by_its_fields_and_never_as_markup() -> None:
    console, text = out()
    errors = [{"field": "side", "message": "must be [bold]buy[/] or sell"}]
    print_stored(console, {"request_id": "r-1", "errors": errors})
    assert "r-1 was refused as a message:" in text.getvalue()
    assert "side: must be [bold]buy[/] or sell" in text.getvalue()
