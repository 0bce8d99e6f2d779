"""A decision that approves has a plan, or it is no approval."""

import ast
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Context, Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.decision.decide import Approved, Denied, Outcome, decide, deciding_files
from bot.risk.snapshot import AlgorithmOptions, PositionView
from models.enums import Algorithm, CheckStatus, TradeBlockReason, TradeSide
from tests.support.properties import examples
from tests.support.repository import ROOT
from tests.unit.bot.risk.cases import (
    LIMITS,
    NOW,
    held,
    instrument,
    intent,
    market,
    portfolio,
    snapshot,
)

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


@pytest.mark.parametrize("algorithm", [None, *Algorithm])
def test_a_whole_position_under_the_minimum_is_one_order_whatever_was_asked_for(
    algorithm: Algorithm | None,
) -> None:
    odd = snapshot(
        portfolio=portfolio(positions=(held("0.0123"),)),
        instrument=instrument(qty_step=D("0.01"), min_qty=D("0.02")),
    )
    found = exit_of(algorithm=algorithm, horizon_seconds=600, snapshot=odd)
    assert isinstance(found, Approved)
    assert found.plan.algorithm is Algorithm.IMMEDIATE
    assert [part.qty for part in found.plan.schedule.slices] == [D("0.0123")]
    assert found.plan.params["closes_position"] is True
    assert not found.plan.stepped


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


@settings(max_examples=examples(60))
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
        small_whole = found.plan.qty == abs(D(position)) < instrument().min_qty
        assert small_whole or found.plan.qty % instrument().qty_step == 0


RICH = portfolio(positions=(held("30"),), equity=D("10000000"))


@pytest.mark.parametrize(
    "wish",
    [
        {"algorithm": Algorithm.TWAP},
        {"algorithm": None},
        {"algorithm": Algorithm.IMPLEMENTATION_SHORTFALL},
        {"algorithm": Algorithm.VWAP, "volume_curve": (1.0,) * 700},
    ],
)
def test_an_exits_slices_that_are_too_many_are_merged(wish: dict[str, Any]) -> None:
    few = replace(LIMITS, max_slices=300)
    times = {"horizon_seconds": 3600.0, "interval_seconds": 0.02, "notional": D("890000")}
    asked = intent(side=TradeSide.SELL, reduce_only=True, expires_at=None, **(times | wish))
    found = decide(asked, snapshot(portfolio=RICH), few)
    assert isinstance(found, Approved)
    assert found.plan.algorithm is not Algorithm.IMMEDIATE
    assert 100 <= len(found.plan.schedule.slices) <= 300
    assert found.plan.schedule.total == found.decision.approved_qty
    assert found.plan.params["spacing_seconds"] >= 3600 / 700


@pytest.mark.parametrize("times", [{"interval_seconds": 0.001}, {"horizon_seconds": 2_000_000.0}])
def test_an_entry_whose_algorithm_nobody_named_keeps_to_max_slices_too(
    times: dict[str, Any],
) -> None:
    asked = intent(**({"horizon_seconds": 3600.0, "expires_at": None} | times))
    found = decide(asked, snapshot(), LIMITS)
    if "interval_seconds" in times:
        assert isinstance(found, Denied)
        assert "max_slices" in found.decision.check("feasible_schedule").sentence
    else:
        assert isinstance(found, Approved), "a default interval gives way"
        assert len(found.plan.schedule.slices) <= LIMITS.max_slices


@pytest.mark.parametrize("algorithm", [Algorithm.TWAP, Algorithm.IMPLEMENTATION_SHORTFALL])
def test_an_exits_schedule_is_compressed_to_end_before_its_expiry(algorithm: Algorithm) -> None:
    found = exit_of(
        algorithm=algorithm,
        horizon_seconds=60.0,
        interval_seconds=5.0,
        expires_at=NOW + timedelta(seconds=20),
    )
    assert isinstance(found, Approved)
    assert found.plan.algorithm is algorithm
    assert len(found.plan.schedule.slices) == 2
    assert found.plan.schedule.slices[-1].offset_seconds < 15
    assert found.plan.deadline_at == NOW + timedelta(seconds=20)


def test_an_exit_that_expires_at_once_is_immediate() -> None:
    found = exit_of(
        algorithm=Algorithm.TWAP,
        horizon_seconds=60.0,
        interval_seconds=60.0,
        expires_at=NOW + timedelta(microseconds=2),
    )
    assert isinstance(found, Approved)
    assert found.plan.schedule.slices[0].offset_seconds == 0
    assert len(found.plan.schedule.slices) == 1


@pytest.mark.parametrize(
    ("side", "price", "sent"),
    [
        (TradeSide.SELL, "29990.01", "29990.1"),
        (TradeSide.BUY, "30010.09", "30010"),
        (TradeSide.BUY, "0.03", "0.1"),
    ],
)
def test_an_exits_price_off_the_tick_is_rounded_to_what_pays_less(
    side: TradeSide, price: str, sent: str
) -> None:
    position = "0.1" if side is TradeSide.SELL else "-0.1"
    seen = snapshot(portfolio=portfolio(positions=(held(position),)))
    found = exit_of(side=side, limit_price=D(price), snapshot=seen)
    assert isinstance(found, Approved), found.decision.reasons
    assert D(found.plan.params["exit"]["limit"]) == found.plan.price_limit == D(sent)


def test_an_entrys_price_off_the_tick_is_refused_by_name() -> None:
    found = decide(intent(limit_price=D("30010.09")), snapshot(), LIMITS)
    assert isinstance(found, Denied)
    assert found.decision.check("tick").status is CheckStatus.FAIL


def test_an_exit_larger_than_the_venues_largest_order_goes_out_in_parts() -> None:
    seen = snapshot(portfolio=RICH, instrument=instrument(max_qty=D(7)))
    found = exit_of(
        algorithm=Algorithm.TWAP,
        notional=D("890000"),
        horizon_seconds=10.0,
        interval_seconds=5.0,
        snapshot=seen,
    )
    assert isinstance(found, Approved)
    assert max(s.qty for s in found.plan.schedule.slices) <= 7
    assert found.plan.schedule.total == found.decision.approved_qty


def storable(value: Decimal | None) -> bool:
    """A money column keeps it to the last digit."""
    return value is not None and value == value.quantize(D("1e-18"), context=Context(prec=60))


@settings(max_examples=examples(80))
@given(
    st.decimals("0.000001", "90000", places=23, allow_nan=False),
    st.decimals("0.000001", "3", places=9, allow_nan=False),
    st.sampled_from(["1", "0.1", "0.001", "0.00000001"]),
    st.sampled_from(["0.1", "0.01", "0.000001", "0.0000000001"]),
    st.booleans(),
    st.sampled_from([None, "0.3333333333333333333333"]),
)
def test_what_is_decided_and_planned_is_what_the_rows_keep(
    price: Decimal, position: Decimal, step: str, tick: str, no_market: bool, own: str | None
) -> None:
    rules = instrument(qty_step=D(step), min_qty=D(step), tick_size=D(tick), max_qty=D("1e9"))
    lots = position // D(step) * D(step)
    wish = intent(
        side=TradeSide.SELL,
        reduce_only=True,
        notional=D("123456.7890123456789"),
        algorithm=Algorithm.TWAP,
        limit_price=None if own is None else price * D(own),
        expires_at=None,
    )
    view = None if no_market else market(bid=price, ask=price * 2)
    book = portfolio(positions=(PositionView("BTCUSDT", lots, None, price),))
    found = decide(wish, snapshot(instrument=rules, market=view, portfolio=book), LIMITS)
    decision = found.decision
    assert storable(decision.approved_qty)
    assert storable(decision.approved_notional)
    if isinstance(found, Approved):
        plan = found.plan
        assert plan.qty == decision.approved_qty
        for kept in (decision.reference_price, plan.price_limit, plan.qty):
            assert storable(kept)
        assert all(storable(part.qty) for part in plan.schedule.slices)


def test_a_plan_of_another_quantity_than_the_approved_is_no_approval() -> None:
    found = exit_of()
    assert isinstance(found, Approved)
    with pytest.raises(ValueError, match="plans"):
        Approved(found.decision, replace(found.plan, qty=found.plan.qty / 2))


@pytest.mark.parametrize("algorithm", [Algorithm.POV, Algorithm.VWAP])
def test_steps_keep_to_max_slices_as_slices_do(algorithm: Algorithm) -> None:
    options = AlgorithmOptions(volume_model="learned" if algorithm is Algorithm.VWAP else None)
    wish: dict[str, Any] = {
        "algorithm": algorithm,
        "options": options,
        "horizon_seconds": 3600.0,
        "interval_seconds": 0.02,
        "expires_at": None,
    }
    seen = snapshot(portfolio=LONG, market=market(traded_qty=D(5), traded_since=NOW))
    leaving = exit_of(**wish, snapshot=seen)
    assert isinstance(leaving, Approved)
    assert leaving.plan.algorithm is algorithm
    assert leaving.plan.params["interval_seconds"] == 3600 / LIMITS.max_slices
    entering = decide(intent(**wish), replace(seen, portfolio=portfolio()), LIMITS)
    assert isinstance(entering, Denied)
    assert entering.decision.reasons == (TradeBlockReason.EXECUTION_INFEASIBLE,)


def test_an_iceberg_exit_shows_enough_to_end_within_max_slices() -> None:
    found = decide(
        intent(
            side=TradeSide.SELL,
            reduce_only=True,
            notional=D("890000"),
            algorithm=Algorithm.ICEBERG,
            options=AlgorithmOptions(display_notional=D("0.01")),
        ),
        snapshot(portfolio=RICH),
        replace(LIMITS, max_slices=100),
    )
    assert isinstance(found, Approved)
    assert found.plan.algorithm is Algorithm.ICEBERG
    assert D(found.plan.params["display"]) * 100 >= found.plan.qty


def test_everything_that_a_decision_imports_is_part_of_its_version() -> None:
    hashed = {path.relative_to(ROOT) for path in deciding_files()}
    forgotten = {
        path
        for path in _imported_by(Path("bot/decision/decide.py"))
        if path not in hashed and _has_code(path)
    }
    assert not forgotten


def _imported_by(start: Path) -> set[Path]:
    """Our files that importing one of them runs, found in the syntax trees."""
    found: set[Path] = set()
    open_ = [start]
    while open_:
        path = open_.pop()
        if path in found:
            continue
        found.add(path)
        for node in ast.walk(ast.parse((ROOT / path).read_text())):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            else:
                continue
            open_ += [file for name in names for file in _files_of(name)]
    return found


def _files_of(module: str) -> Iterator[Path]:
    """The module's own file and those of the packages around it."""
    parts = module.split(".")
    for end in range(1, len(parts) + 1):
        place = Path(*parts[:end])
        for path in (place / "__init__.py", place.with_suffix(".py")):
            if (ROOT / path).is_file():
                yield path


def _has_code(path: Path) -> bool:
    body = ast.parse((ROOT / path).read_text()).body
    return any(not isinstance(node, ast.Expr) for node in body)
