"""A reduction is judged on the strategy's own share of the account's position."""

from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from bot.risk.codec import from_json, to_json
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.snapshot import RiskSnapshot, ShareView
from models.enums import CheckStatus, ExecutionPriority, TradeBlockReason, TradeSide, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D

LOST = cases.model(confidence=0.01)


def shared(qty: str, working: str = "0", net: str = "1", **changes: Any) -> Decision:
    """A sale of 0.5 where the account is long `net` and the strategy holds `qty` of it."""
    values: dict[str, Any] = {"side": TradeSide.SELL, "notional": D("14999.95"), "model": LOST}
    own = ShareView(D(qty), D(working))
    return evaluate(
        cases.intent(**(values | changes)),
        cases.snapshot(portfolio=cases.portfolio(positions=(cases.held(net),), own=own)),
        cases.limits(),
    )


def test_a_lost_model_closes_no_more_than_its_strategys_own_share() -> None:
    nothing = shared("0")
    assert nothing.verdict is Verdict.DENY
    assert TradeBlockReason.INSUFFICIENT_CONFIDENCE in nothing.reasons
    assert "0.5 of it belongs to others than strategy demo" in nothing.check("exposure").sentence
    part = shared("0.2")
    assert (part.verdict, part.approved_qty) == (Verdict.SHRINK, D("0.2"))
    assert part.reduce_only
    assert part.check("confidence").status is CheckStatus.FAIL
    whole = shared("0.5")
    assert (whole.verdict, whole.approved_qty) == (Verdict.ALLOW, D("0.5"))
    assert whole.check("confidence").status is CheckStatus.SKIPPED
    assert shared("0.5", working="0.4").approved_qty == D("0.1")
    assert shared("-3").verdict is Verdict.DENY


def test_a_good_model_may_sell_what_others_hold_and_the_decision_says_so() -> None:
    decision = shared("0", model=cases.model())
    assert (decision.verdict, decision.approved_qty) == (Verdict.ALLOW, D("0.5"))
    assert decision.check("confidence").status is CheckStatus.PASS
    assert "belongs to others" in decision.check("exposure").sentence


def test_what_must_only_reduce_ends_at_its_own_share_however_good_the_model() -> None:
    denied = shared("0", model=cases.model(), reduce_only=True)
    assert TradeBlockReason.NOTHING_TO_REDUCE in denied.reasons
    assert "priority emergency" in denied.check("reduce_only").sentence
    assert shared("0.3", reduce_only=True).approved_qty == D("0.3")


def test_an_emergency_exit_closes_everybodys_share() -> None:
    emergency = {"reduce_only": True, "priority": ExecutionPriority.EMERGENCY}
    assert shared("0", **emergency).approved_qty == D("0.5")
    hurried = shared("0", priority=ExecutionPriority.EMERGENCY)
    assert hurried.verdict is Verdict.DENY


def test_a_flip_without_a_share_closes_and_opens_nothing_on_a_lost_model() -> None:
    assert shared("0", net="0.2").verdict is Verdict.DENY
    assert shared("0.1", net="0.2").approved_qty == D("0.1")


def test_a_share_that_is_no_number_is_no_share() -> None:
    assert shared("NaN").verdict is Verdict.DENY
    assert shared("NaN").check("exposure").status is CheckStatus.UNKNOWN


def test_without_shares_every_reduction_is_what_it_was() -> None:
    """Decisions of before replay: their snapshots keep no shares."""
    decision = evaluate(
        cases.intent(side=TradeSide.SELL, notional=D("14999.95"), model=LOST),
        cases.snapshot(portfolio=cases.portfolio(positions=(cases.held("1"),))),
        cases.limits(),
    )
    assert decision.approved_qty == D("0.5")


quantities = st.decimals("-2", "2", places=3)


@given(net=quantities, qty=quantities, working=st.decimals("0", "1", places=3), only=st.booleans())
def test_without_a_model_nothing_beyond_the_own_share_is_ever_approved(
    net: Decimal, qty: Decimal, working: Decimal, only: bool
) -> None:
    decision = shared(str(qty), str(working), str(net), reduce_only=only)
    assert decision.approved_qty <= max(D(0), min(qty - working, net, D("0.5")))
    if qty - working >= D("0.5") and net >= D("0.5"):
        assert decision.approved_qty == D("0.5")


def test_a_snapshot_of_before_is_read_without_shares() -> None:
    encoded = to_json(cases.snapshot())
    del encoded["portfolio"]["own"]
    portfolio = from_json(RiskSnapshot, encoded).portfolio
    assert portfolio is not None
    assert portfolio.own is None
