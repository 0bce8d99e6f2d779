"""Which algorithm is chosen and what is said of it; near depth is 3 million, the day 5 billion."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.execution.policy.algorithm_choice import choose_algorithm
from bot.risk.decision import Decision
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import AlgorithmOptions, MarketView
from config.keys.working import WorkingRules
from models.enums import Algorithm, ExecutionPriority, ExposureDelta, TradeSide, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D

WIDE = {"bid": D("29990"), "ask": D("30000")}
"""3.3 bps."""
STORMY = {"volatility": 0.042, "volatility_baseline": 0.03}
"""1.4 times the baseline."""


def decision(notional: Decimal | str, *, reduce_only: bool = False) -> Decision:
    size = D(notional)
    return Decision(
        request_id="r-1",
        verdict=Verdict.ALLOW,
        exposure=ExposureDelta.REDUCES if reduce_only else ExposureDelta.ADDS,
        requested_notional=size,
        requested_qty=size / 30000,
        approved_qty=size / 30000,
        approved_notional=size,
        reference_price=D("30000"),
        reduce_only=reduce_only,
        checks=(),
        factors=(),
        reasons=(),
        decided_at=NOW,
    )


def choose(
    notional: str,
    *,
    confidence: float | None = 0.8,
    market: dict[str, Any] | None = None,
    rules: WorkingRules | None = None,
    reduce_only: bool = False,
    **intent: Any,
) -> tuple[Algorithm, str]:
    values: dict[str, Any] = {"model": cases.model(confidence=confidence), **intent}
    return choose_algorithm(
        cases.intent(**values),
        decision(notional, reduce_only=reduce_only),
        cases.market(**({"traded_qty": D("12")} | (market or {}))),
        RiskLimits(working=rules or WorkingRules()),
    )


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_strategys_wish_comes_before_everything(algorithm: Algorithm) -> None:
    rules = WorkingRules(default_algorithm=Algorithm.IMMEDIATE)
    priority = ExecutionPriority.EMERGENCY
    wished = choose("3000", algorithm=algorithm, priority=priority, rules=rules)
    assert wished == (algorithm, "asked for by the strategy")


@pytest.mark.parametrize("times", [{"horizon_seconds": 60.0}, {"interval_seconds": 5.0}])
def test_a_horizon_or_an_interval_alone_means_twap(times: dict[str, float]) -> None:
    assert choose("3000", **times)[0] is Algorithm.TWAP


@pytest.mark.parametrize("priority", ["high", "urgent", "emergency"])
def test_a_hurried_trade_is_taken_at_once_whatever_is_configured(priority: str) -> None:
    rules = WorkingRules(default_algorithm=Algorithm.TWAP)
    chosen = choose("9000000", priority=ExecutionPriority(priority), rules=rules)
    assert chosen == (Algorithm.IMMEDIATE, f"priority {priority}")


def test_the_configured_default_comes_before_the_rule() -> None:
    rules = WorkingRules(default_algorithm=Algorithm.ICEBERG)
    assert choose("3000", rules=rules) == (Algorithm.ICEBERG, "the configuration's default")


@pytest.mark.parametrize(
    ("default", "market", "needs"),
    [
        (Algorithm.VWAP, {}, "a volume curve or a volume model"),
        (Algorithm.POV, {"traded_qty": None}, "a count of the market's trades"),
        (Algorithm.IMPLEMENTATION_SHORTFALL, {"volatility": None}, "the spread, the volatility"),
        (Algorithm.IMPLEMENTATION_SHORTFALL, {"volume_24h": None}, "the volume of 24 hours"),
        (Algorithm.IMPLEMENTATION_SHORTFALL, {"bid": None}, "the spread"),
    ],
)
def test_a_default_that_cannot_be_planned_gives_way_to_the_rule_and_says_so(
    default: Algorithm, market: dict[str, Any], needs: str
) -> None:
    rules = WorkingRules(default_algorithm=default)
    algorithm, why = choose("3000", market=market, rules=rules)
    assert algorithm is Algorithm.IMMEDIATE
    assert why.startswith(f"the configured {default} needs ")
    assert needs in why
    assert "0.1 % of the near depth" in why


# What the trade is; what is chosen and the numbers that its reason must hold.
RULED: list[tuple[str, dict[str, Any], Algorithm, str]] = [
    ("360000", {}, Algorithm.IMMEDIATE, "12 % of the near depth: at most 20 %"),
    ("600000", {}, Algorithm.IMMEDIATE, "20 % of the near depth: at most 20 %"),
    ("601000", {}, Algorithm.TWAP, "20.03 % of the near depth: more than is taken at once"),
    (
        "900000",
        {"confidence": 0.95},
        Algorithm.IMMEDIATE,
        "30 % of the near depth: at most 40 % for a confidence of 0.95 (from 0.9)",
    ),
    (
        "1500000",
        {"confidence": 0.95},
        Algorithm.IMPLEMENTATION_SHORTFALL,
        "50 % of the near depth, and a confidence of 0.95 can't wait: from 0.9",
    ),
    (
        "1500000",
        {"market": STORMY},
        Algorithm.IMPLEMENTATION_SHORTFALL,
        "volatility is 1.4 x its baseline: above 1.2",
    ),
    ("300000", {"market": WIDE}, Algorithm.PASSIVE, "3.3 bps in a calm market: from 2 bps"),
    ("300000", {"market": WIDE, "confidence": 0.9}, Algorithm.IMMEDIATE, "10 %"),
    ("300000", {"market": WIDE | STORMY}, Algorithm.IMMEDIATE, "10 %"),
    ("300000", {"market": WIDE, "reduce_only": True}, Algorithm.IMMEDIATE, "10 %"),
    ("3000000", {}, Algorithm.ICEBERG, "100 % of the near depth in a calm market: from 100 %"),
    ("3000000", {"reduce_only": True}, Algorithm.TWAP, "100 % of the near depth"),
    ("5000000", {}, Algorithm.POV, "0.1 % of a day's volume: from 0.1 %"),
    ("5000000", {"market": {"traded_qty": None}}, Algorithm.ICEBERG, "166.7 %"),
    ("5000000", {"confidence": 0.95}, Algorithm.POV, "0.1 %"),
    ("5000000", {"volume_curve": (1.0, 2.0)}, Algorithm.VWAP, "forecast of the volume"),
    ("3000", {"volume_curve": (1.0, 2.0)}, Algorithm.IMMEDIATE, "0.1 %"),
    ("1500000", {"volume_curve": (0.0, 0.0)}, Algorithm.TWAP, "50 %"),
    (
        "1500000",
        {"options": AlgorithmOptions(volume_model="best")},
        Algorithm.VWAP,
        "forecast of the volume",
    ),
    ("3000", {"market": {"ask_depth": None}}, Algorithm.TWAP, "an unknown share"),
    ("3000", {"market": {"ask_depth": D(0)}}, Algorithm.TWAP, "an unknown share"),
    (
        "1500000",
        {"confidence": None, "market": {"volatility_baseline": None}},
        Algorithm.TWAP,
        "50 %",
    ),
]


@pytest.mark.parametrize(("notional", "given_as", "algorithm", "reason"), RULED)
def test_the_rule_chooses_and_gives_its_numbers(
    notional: str, given_as: dict[str, Any], algorithm: Algorithm, reason: str
) -> None:
    chosen, why = choose(notional, **given_as)
    assert (chosen, reason in why) == (algorithm, True), why


def test_a_sell_is_measured_by_the_bids() -> None:
    thin_bids = {"bid_depth": D("10000")}
    assert choose("3000", side=TradeSide.SELL, market=thin_bids)[0] is Algorithm.TWAP
    assert choose("3000", side=TradeSide.BUY, market=thin_bids)[0] is Algorithm.IMMEDIATE


def test_an_urgent_signal_reaches_no_deeper_than_the_gate_lets_one_child() -> None:
    limits = RiskLimits(max_depth_share=D("0.25"))
    confident = cases.intent(model=cases.model(confidence=0.99))
    chosen, _ = choose_algorithm(confident, decision("900000"), cases.market(), limits)
    assert chosen is not Algorithm.IMMEDIATE


money = st.none() | st.decimals(allow_nan=True, allow_infinity=True)
measure = st.none() | st.floats()


@given(
    notional=st.decimals(min_value=0, allow_infinity=False, allow_nan=False),
    bid=money,
    ask=money,
    depth=money,
    volume=money,
    traded=money,
    volatility=measure,
    baseline=measure,
    confidence=measure,
    curve=st.lists(st.floats(min_value=0, allow_infinity=False), max_size=3),
    default=st.none() | st.sampled_from(Algorithm),
    reduce_only=st.booleans(),
    side=st.sampled_from(TradeSide),
)
def test_there_is_always_an_algorithm_that_can_be_planned_and_a_reason(
    notional: Decimal,
    bid: Decimal | None,
    ask: Decimal | None,
    depth: Decimal | None,
    volume: Decimal | None,
    traded: Decimal | None,
    volatility: float | None,
    baseline: float | None,
    confidence: float | None,
    curve: list[float],
    default: Algorithm | None,
    reduce_only: bool,
    side: TradeSide,
) -> None:
    market = MarketView(
        "BTCUSDT",
        NOW,
        bid=bid,
        ask=ask,
        ask_depth=depth,
        bid_depth=depth,
        volume_24h=volume,
        volatility=volatility,
        volatility_baseline=baseline,
        traded_qty=traded,
    )
    intent = cases.intent(
        side=side, model=cases.model(confidence=confidence), volume_curve=tuple(curve)
    )
    limits = RiskLimits(working=WorkingRules(default_algorithm=default))
    algorithm, why = choose_algorithm(
        intent, decision(notional, reduce_only=reduce_only), market, limits
    )
    assert why
    if algorithm is Algorithm.VWAP:
        assert any(curve)
    if algorithm is Algorithm.POV:
        assert traded is not None
    if algorithm is Algorithm.IMPLEMENTATION_SHORTFALL:
        assert None not in (bid, ask, volume, volatility)
    if reduce_only and default is None:
        assert algorithm not in (Algorithm.PASSIVE, Algorithm.ICEBERG)
