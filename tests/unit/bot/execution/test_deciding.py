"""A decision that approves has a plan, or it is no approval."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.execution.deciding import Approved, Denied, Outcome, decide
from bot.risk.snapshot import AlgorithmOptions
from models.enums import Algorithm, TradeSide
from tests.unit.bot.risk.cases import LIMITS, held, instrument, intent, market, portfolio, snapshot

D = Decimal
LONG = portfolio(positions=(held("0.1"),))


def exit_of(**changes: Any) -> Outcome:
    wish = {"side": TradeSide.SELL, "notional": D("3000"), "reduce_only": True}
    seen = changes.pop("snapshot", snapshot(portfolio=LONG))
    return decide(intent(**(wish | changes)), seen, LIMITS)


@pytest.mark.parametrize("algorithm", [None, *Algorithm])
def test_without_a_market_every_exit_is_immediate_at_the_reference_price(
    algorithm: Algorithm | None,
) -> None:
    found = exit_of(algorithm=algorithm, snapshot=snapshot(portfolio=LONG, market=None))
    assert isinstance(found, Approved)
    assert found.plan.algorithm is Algorithm.IMMEDIATE
    assert found.decision.reference_price == D("30000")
    assert found.plan.schedule.total == found.decision.approved_qty == D("0.1")
    assert "no market data" in found.plan.params["chosen_because"]


@pytest.mark.parametrize(
    ("algorithm", "options", "why"),
    [
        (Algorithm.POV, {}, "traded volume"),
        (Algorithm.VWAP, {}, "curve must have at least one slot"),
        (Algorithm.IMPLEMENTATION_SHORTFALL, {}, "volatility"),
        (Algorithm.TWAP, {"size_distortion": 0.3}, "seed"),
        (Algorithm.PASSIVE, {"requote_seconds": float("nan")}, "requote_seconds"),
    ],
)
def test_an_exit_whose_algorithm_is_infeasible_is_immediate(
    algorithm: Algorithm, options: dict[str, Any], why: str
) -> None:
    seen = snapshot(portfolio=LONG, market=market(volatility=None))
    wish = AlgorithmOptions(**options)
    found = exit_of(algorithm=algorithm, options=wish, snapshot=seen)
    assert isinstance(found, Approved)
    assert found.plan.algorithm is Algorithm.IMMEDIATE
    assert algorithm.value in found.plan.params["chosen_because"]
    assert why in found.plan.params["chosen_because"]


def test_an_entry_whose_algorithm_is_infeasible_is_denied_by_name() -> None:
    found = decide(intent(algorithm=Algorithm.POV), snapshot(), LIMITS)
    assert isinstance(found, Denied)
    assert "traded volume" in found.decision.check("feasible_schedule").sentence


def test_no_approval_can_be_made_without_its_plan() -> None:
    denied = exit_of(snapshot=snapshot(instrument=None)).decision
    approved = exit_of()
    assert isinstance(approved, Approved)
    with pytest.raises(ValueError, match="approves"):
        Denied(approved.decision)
    with pytest.raises(ValueError, match="denies"):
        Approved(denied, approved.plan)


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from([None, *Algorithm]),
    st.sampled_from(TradeSide),
    st.booleans(),
    st.booleans(),
    st.sampled_from(["0.1", "-0.1", "0", "0.0004"]),
    st.sampled_from(["0.01", "20", "3000", "1e9"]),
    st.floats(0.001, 86_400),
)
def test_whatever_is_asked_an_approval_has_a_plan_of_its_whole_lots(
    algorithm: Algorithm | None,
    side: TradeSide,
    reduce_only: bool,
    no_market: bool,
    position: str,
    notional: str,
    horizon: float,
) -> None:
    seen = snapshot(portfolio=portfolio(positions=(held(position),)))
    if no_market:
        seen = replace(seen, market=None)
    wish = intent(
        algorithm=algorithm,
        side=side,
        reduce_only=reduce_only,
        notional=D(notional),
        horizon_seconds=horizon,
        expires_at=None,
    )
    found = decide(wish, seen, LIMITS)
    assert found.decision.approved == (found.plan is not None)
    if found.plan is not None:
        assert found.plan.qty == found.decision.approved_qty > 0
        assert found.plan.stepped or found.plan.schedule.total == found.plan.qty
        assert found.plan.qty % instrument().qty_step == 0
