"""Each check's numbers: what it measures, and on which side of its limit the limit itself lies."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from bot.risk.decision import CheckResult
from bot.risk.gate import evaluate
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import (
    BreakerView,
    PositionView,
    RiskSnapshot,
    ScopeState,
    TradeIntent,
    WorkingView,
)
from models.enums import (
    Algorithm,
    CheckStatus,
    ExecutionPriority,
    TradeBlockReason,
    TradeSide,
    TradingState,
    Verdict,
)
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW, D, held

BUY, SELL = TradeSide.BUY, TradeSide.SELL
PASS, FAIL, UNKNOWN = CheckStatus.PASS, CheckStatus.FAIL, CheckStatus.UNKNOWN
SKIPPED = CheckStatus.SKIPPED


def asked(
    name: str,
    intent: TradeIntent | None = None,
    snapshot: RiskSnapshot | None = None,
    limits: RiskLimits = cases.LIMITS,
) -> CheckResult:
    return evaluate(intent or cases.intent(), snapshot or cases.snapshot(), limits).check(name)


def ago(seconds: float) -> Any:
    return NOW - timedelta(seconds=seconds)


def trading(**changes: Any) -> RiskSnapshot:
    return cases.snapshot(market=cases.market(**changes))


def owning(**changes: Any) -> RiskSnapshot:
    correlations = changes.pop("correlations", {})
    return cases.snapshot(portfolio=cases.portfolio(**changes), correlations=correlations)


def ruled(**changes: Any) -> RiskSnapshot:
    return cases.snapshot(instrument=cases.instrument(**changes))


def works(
    symbol: str, side: TradeSide, qty: str, notional: str, *, only_reduces: bool = False
) -> WorkingView:
    return WorkingView(symbol, side, D(qty), D(notional), only_reduces)


# name, what is seen, status
PREDICTIONS = [
    ("confidence", {"confidence": 0.6}, PASS),
    ("confidence", {"confidence": 0.5999}, FAIL),
    ("confidence", {"confidence": 1.0001}, UNKNOWN),
    ("confidence", {"confidence": -0.1}, UNKNOWN),
    ("confidence", {"confidence": None}, UNKNOWN),
    ("uncertainty", {"uncertainty": 0.4}, PASS),
    ("uncertainty", {"uncertainty": 0.4001}, FAIL),
    ("uncertainty", {"uncertainty": -0.1}, UNKNOWN),
    ("uncertainty", {"uncertainty": None}, UNKNOWN),
    ("ensemble_agreement", {"ensemble_agreement": 0.7}, PASS),
    ("ensemble_agreement", {"ensemble_agreement": 0.6999}, FAIL),
    ("prediction_stability", {"prediction_stability": 0.6}, PASS),
    ("prediction_stability", {"prediction_stability": 0.5999}, FAIL),
    ("feature_importance", {"feature_importance": {"a": 0.2, "b": 0.1}}, PASS),
    ("feature_importance", {"feature_importance": dict.fromkeys("abcdefgh", 0.0999)}, FAIL),
    ("feature_importance", {"feature_importance": {"a": 1.0, "b": 1.0}}, PASS),
    ("feature_importance", {"feature_importance": {}}, UNKNOWN),
    ("explainability", {"feature_importance": {"a": 0.0}}, FAIL),
    ("explainability", {"feature_importance": {"a": 0.0, "b": 0.1}}, PASS),
    ("explainability", {"feature_importance": {"a": 1.0, "b": 1.1}}, UNKNOWN),
    ("prediction_age", {"predicted_at": ago(60)}, PASS),
    ("prediction_age", {"predicted_at": ago(60.1)}, FAIL),
    ("prediction_age", {"predicted_at": ago(-2)}, PASS),
    ("prediction_age", {"predicted_at": ago(-2.1)}, UNKNOWN),
    ("prediction_age", {"predicted_at": None}, UNKNOWN),
    ("model_version", {"model_version": "v1"}, PASS),
    ("model_version", {"model_version": "v0"}, FAIL),
    ("model_version", {"model_version": "v2"}, FAIL),
    ("model_version", {"model_version": None}, UNKNOWN),
    ("ensemble_entropy", {"member_probabilities": (0.9, 0.9, 0.1)}, FAIL),
    ("ensemble_entropy", {"member_probabilities": (0.6, 0.6, 0.6)}, PASS),
    ("ensemble_entropy", {"member_probabilities": (0.9,)}, UNKNOWN),
    ("ensemble_entropy", {"member_probabilities": (0.9, 1.1)}, UNKNOWN),
]


@pytest.mark.parametrize(("name", "changes", "status"), PREDICTIONS, ids=str)
def test_a_prediction_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, cases.intent(model=cases.model(**changes))).status is status


MARKETS = [
    ("reference_price", {"ask": None}, UNKNOWN),
    ("reference_price", {"ask": D("29999.9")}, UNKNOWN),
    ("reference_price", {"bid": D("30000.1")}, UNKNOWN),
    ("reference_price", {"bid": None}, UNKNOWN),
    ("reference_price", {}, PASS),
    ("data_age", {"as_of": ago(5)}, PASS),
    ("data_age", {"as_of": ago(5.1)}, FAIL),
    ("data_age", {"as_of": ago(-2)}, PASS),
    ("data_age", {"as_of": ago(-2.1)}, UNKNOWN),
    ("volatility_regime", {"volatility": 0.0899}, PASS),
    ("volatility_regime", {"volatility": 0.09}, FAIL),
    ("volatility_regime", {"volatility": 0.0}, UNKNOWN),
    ("volatility_regime", {"volatility_baseline": 0.0}, UNKNOWN),
    ("volatility_regime", {"volatility_baseline": None}, UNKNOWN),
    ("spread", {"bid": D("29970"), "ask": D("30030")}, PASS),
    ("spread", {"bid": D("29969.9"), "ask": D("30030")}, FAIL),
    ("depth", {"ask_depth": D("6000")}, PASS),
    ("depth", {"ask_depth": D("5999")}, FAIL),
    ("depth", {"ask_depth": None}, UNKNOWN),
    ("mark_deviation", {"bid": D("30599"), "ask": D("30601"), "mark": D("30000")}, PASS),
    ("mark_deviation", {"bid": D("30600"), "ask": D("30601"), "mark": D("30000")}, FAIL),
    ("mark_deviation", {"bid": D("29399"), "ask": D("29400"), "mark": D("30000")}, FAIL),
    ("index_deviation", {"bid": D("30599"), "ask": D("30601"), "index": D("30000")}, PASS),
    ("index_deviation", {"bid": D("30600"), "ask": D("30601"), "index": D("30000")}, FAIL),
    ("index_deviation", {"index": D("0")}, UNKNOWN),
    ("funding", {"funding_rate": 0.001}, PASS),
    ("funding", {"funding_rate": 0.0011}, FAIL),
    ("funding", {"funding_rate": -0.5}, PASS),
    ("funding", {"funding_rate": None}, UNKNOWN),
    ("adv_share", {"volume_24h": D("60000")}, PASS),
    ("adv_share", {"volume_24h": D("59999")}, FAIL),
    ("adv_share", {"volume_24h": D("0")}, UNKNOWN),
    ("impact", {"asks": ()}, UNKNOWN),
    ("impact", {"volume_24h": None}, UNKNOWN),
    ("impact", {"volatility": None}, UNKNOWN),
    ("slippage", {"bid": None}, UNKNOWN),
]


@pytest.mark.parametrize(("name", "changes", "status"), MARKETS, ids=str)
def test_a_market_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=trading(**changes)).status is status


PORTFOLIOS = [
    ("portfolio_age", {"as_of": ago(30)}, PASS),
    ("portfolio_age", {"as_of": ago(30.1)}, FAIL),
    ("portfolio_age", {"as_of": ago(-2)}, PASS),
    ("portfolio_age", {"as_of": None}, UNKNOWN),
    ("portfolio_age", {"as_of": ago(-2.1)}, UNKNOWN),
    ("daily_loss", {"equity": D("97000.01")}, PASS),
    ("daily_loss", {"equity": D("97000.00")}, FAIL),
    ("daily_loss", {"equity_day_start": None}, UNKNOWN),
    ("rolling_loss", {"equity": D("95000.01"), "rolling_pnl_24h": D("-4999.99")}, PASS),
    ("rolling_loss", {"equity": D("95000"), "rolling_pnl_24h": D("-5000")}, FAIL),
    ("rolling_loss", {"rolling_pnl_24h": None}, UNKNOWN),
    ("drawdown", {"equity": D("90000.01")}, PASS),
    ("drawdown", {"equity": D("90000")}, FAIL),
    ("drawdown", {"equity_peak": None}, UNKNOWN),
    ("consecutive_losses", {"consecutive_losses": 4}, PASS),
    ("consecutive_losses", {"consecutive_losses": 5}, FAIL),
    ("consecutive_losses", {"consecutive_losses": None}, UNKNOWN),
    ("order_rate", {"orders_last_second": 9}, PASS),
    ("order_rate", {"orders_last_second": 10}, FAIL),
    ("order_rate", {"orders_last_second": None}, UNKNOWN),
    ("repeated_orders", {"same_orders_last_minute": 4}, PASS),
    ("repeated_orders", {"same_orders_last_minute": 5}, FAIL),
    ("repeated_orders", {"same_orders_last_minute": None}, UNKNOWN),
    ("free_margin", {"available_margin": D("3007.6")}, PASS),
    ("free_margin", {"available_margin": D("3007.5")}, FAIL),
    ("free_margin", {"available_margin": None}, UNKNOWN),
    ("free_margin", {"available_margin": D("301"), "leverage": D("10")}, PASS),
    ("free_margin", {"available_margin": D("300"), "leverage": D("10")}, FAIL),
    ("free_margin", {"leverage": D("1")}, PASS),
    ("free_margin", {"leverage": D("0.5")}, UNKNOWN),
    ("free_margin", {"leverage": D("Infinity")}, UNKNOWN),
    ("position_size", {"positions": (held("0.2333"),)}, PASS),
    ("position_size", {"positions": (held("0.2334"),)}, FAIL),
    ("position_size", {"positions": (held("-0.05"),)}, PASS),
    ("gross_exposure", {"positions": (held("-3.2333", "ETHUSDT"),)}, PASS),
    ("gross_exposure", {"positions": (held("-3.2334", "ETHUSDT"),)}, FAIL),
    ("reservation_share", {"strategy_reserved": D("47000")}, PASS),
    ("reservation_share", {"strategy_reserved": D("47000.01")}, FAIL),
    ("reservation_share", {"strategy_reserved": D("-1")}, UNKNOWN),
    ("reservation_share", {"strategy_reserved": D("Infinity")}, UNKNOWN),
    ("net_exposure", {"positions": (held("1.9", "ETHUSDT"),)}, PASS),
    ("net_exposure", {"positions": (held("1.9001", "ETHUSDT"),)}, FAIL),
    ("net_exposure", {"positions": (held("-3", "ETHUSDT"),)}, PASS),
    ("leverage", {"equity": D("0")}, UNKNOWN),
    ("leverage", {"positions": (held("9.9", "ETHUSDT"),)}, PASS),
    ("leverage", {"positions": (held("9.9001", "ETHUSDT"),)}, FAIL),
    ("liquidation_distance", {"positions": (held("30", "ETHUSDT"),)}, PASS),
    ("liquidation_distance", {"positions": (held("32", "ETHUSDT"),)}, FAIL),
    ("open_positions", {"positions": tuple(held("1", f"S{i}USDT", "1") for i in range(9))}, PASS),
    ("open_positions", {"positions": tuple(held("1", f"S{i}USDT", "1") for i in range(10))}, FAIL),
    ("open_positions", {"positions": tuple(held("0", f"S{i}USDT", "1") for i in range(10))}, PASS),
    ("open_positions", {"working": (works("BTCUSDT", SELL, "1", "1"),)}, PASS),
    (
        "open_positions",
        {"working": tuple(works(f"S{i}USDT", BUY, "1", "1") for i in range(10))},
        FAIL,
    ),
]


@pytest.mark.parametrize(("name", "changes", "status"), PORTFOLIOS, ids=str)
def test_a_portfolio_is_judged_at_its_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=owning(**changes)).status is status


@pytest.mark.parametrize("side", TradeSide)
@pytest.mark.parametrize("distance", ["0.10", "0.0999"])
def test_the_exchanges_liquidation_price_counts_on_both_sides(
    side: TradeSide, distance: str
) -> None:
    price = D("30000") * (1 - side.sign * D(distance))
    position = PositionView("BTCUSDT", D("0.1") * side.sign, D("30000"), liquidation_price=price)
    status = asked(
        "liquidation_distance", cases.intent(side=side), owning(positions=(position,))
    ).status
    assert status is (PASS if distance == "0.10" else FAIL)


def test_a_liquidation_price_may_be_required_and_must_be_readable() -> None:
    bare = owning(positions=(held("0.1"),))
    assert asked("liquidation_distance", snapshot=bare).status is PASS
    strict = cases.limits(require_liquidation_price=True)
    assert asked("liquidation_distance", snapshot=bare, limits=strict).status is UNKNOWN
    odd = replace(held("0.1"), liquidation_price=D("NaN"))
    assert asked("liquidation_distance", snapshot=owning(positions=(odd,))).status is UNKNOWN
    elsewhere = owning(positions=(held("0.1", "ETHUSDT"),))
    assert asked("liquidation_distance", snapshot=elsewhere, limits=strict).status is PASS


RULES = [
    ("instrument", {"qty_step": D("0")}, UNKNOWN),
    ("instrument", {"max_qty": D("Infinity")}, UNKNOWN),
    ("instrument", {"max_notional": D("NaN")}, UNKNOWN),
    ("instrument", {"min_notional": D("-1")}, UNKNOWN),
    ("instrument", {"min_notional": D("0"), "min_qty": D("0")}, PASS),
    ("instrument_status", {"status": "PreLaunch"}, FAIL),
    ("instrument_age", {"refreshed_at": ago(86_400)}, PASS),
    ("instrument_age", {"refreshed_at": ago(86_401)}, FAIL),
    ("instrument_age", {"refreshed_at": ago(-2)}, PASS),
    ("instrument_age", {"refreshed_at": ago(-2.1)}, UNKNOWN),
    ("instrument_age", {"refreshed_at": None}, UNKNOWN),
    ("max_qty", {"max_qty": D("0.1")}, PASS),
    ("max_qty", {"max_qty": D("0.0999")}, FAIL),
    ("max_notional", {"max_notional": D("3000")}, PASS),
    ("max_notional", {"max_notional": D("2999")}, FAIL),
    ("max_notional", {}, SKIPPED),
    ("min_qty", {"min_qty": D("0.1")}, PASS),
    ("min_qty", {"min_qty": D("0.101")}, FAIL),
    ("min_notional", {"min_notional": D("3000")}, PASS),
    ("min_notional", {"min_notional": D("3000.01")}, FAIL),
    ("leverage", {"max_leverage": D("0.03")}, PASS),
    ("leverage", {"max_leverage": D("0.0299")}, FAIL),
]


@pytest.mark.parametrize(("name", "changes", "status"), RULES, ids=str)
def test_the_exchanges_rules_are_held_at_their_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, snapshot=ruled(**changes)).status is status


TERMS = [
    ("expiry", {"expires_at": None}, PASS),
    ("expiry", {"expires_at": ago(-0.001)}, PASS),
    ("expiry", {"expires_at": NOW}, FAIL),
    ("expiry", {"expires_at": ago(-5).replace(tzinfo=None)}, UNKNOWN),
    ("request_age", {"created_at": ago(300)}, PASS),
    ("request_age", {"created_at": ago(300.1)}, FAIL),
    ("request_age", {"created_at": ago(-2)}, PASS),
    ("request_age", {"created_at": ago(-2.1)}, UNKNOWN),
    ("time_to_expiry", {"expires_at": ago(-1)}, PASS),
    ("time_to_expiry", {"expires_at": ago(-0.9)}, FAIL),
    ("time_to_expiry", {"expires_at": ago(-9).replace(tzinfo=None)}, UNKNOWN),
    ("tick", {"limit_price": D("30000.1")}, PASS),
    ("tick", {"limit_price": D("30000.15")}, FAIL),
    ("tick", {"limit_price": D("-0.1")}, FAIL),
    ("tick", {"limit_price": D("Infinity")}, FAIL),
    ("limit_price", {"limit_price": D("30600")}, PASS),
    ("limit_price", {"limit_price": D("30600.1")}, FAIL),
    ("limit_price", {"limit_price": D("1")}, PASS),
    ("limit_price", {"limit_price": D("0")}, FAIL),
]


@pytest.mark.parametrize(("name", "changes", "status"), TERMS, ids=str)
def test_the_requests_own_terms_are_held_at_their_limits(
    name: str, changes: dict[str, Any], status: CheckStatus
) -> None:
    assert asked(name, cases.intent(**changes)).status is status


def twap(horizon: float, interval: float, **changes: Any) -> TradeIntent:
    return cases.intent(
        algorithm=Algorithm.TWAP,
        horizon_seconds=horizon,
        interval_seconds=interval,
        expires_at=changes.pop("expires_at", None),
        **changes,
    )


SCHEDULES = [
    (100.0, 10.0, "10", "300"),
    (10.0, 10.0, "1", "3000"),
    (15.0, 10.0, "1", "3000"),
    (20.0, 10.0, "2", "1500"),
]


@pytest.mark.parametrize(("horizon", "interval", "slices", "child"), SCHEDULES)
def test_a_schedules_slices_share_the_size(
    horizon: float, interval: float, slices: str, child: str
) -> None:
    intent = twap(horizon, interval)
    assert asked("slices", intent).value == slices
    assert asked("depth", intent).value == child
    assert asked("max_qty", intent).value == format(D("0.1") / D(slices), "f")
    thin = trading(ask_depth=D(child) * 2)
    assert asked("depth", intent, thin).status is PASS
    assert asked("depth", intent, trading(ask_depth=D(child) * 2 - 1)).cap == D(slices) * (
        D(child) - D("0.5")
    )


def test_times_that_make_no_schedule_are_refused() -> None:
    for horizon, interval in ((0.0, 1.0), (1.0, 0.0), (float("nan"), 1.0), (1e9, 1.0)):
        assert asked("slices", twap(horizon, interval)).status is UNKNOWN
    assert asked("slices", twap(5.0, 10.0)).status is FAIL
    assert asked("slices", twap(2000.0, 1.0)).status is PASS
    assert asked("slices", twap(2001.0, 1.0)).status is FAIL
    at_once = cases.intent(
        algorithm=Algorithm.IMMEDIATE, horizon_seconds=99.0, interval_seconds=1.0
    )
    assert asked("slices", at_once).value == "1"


def test_a_schedule_has_to_end_before_the_request_expires() -> None:
    assert asked("time_to_expiry", twap(60.0, 10.0, expires_at=ago(-61))).status is PASS
    assert asked("time_to_expiry", twap(60.0, 10.0, expires_at=ago(-60.9))).status is FAIL


def test_the_walk_reaches_the_level_that_holds_the_last_unit() -> None:
    asks = ((D("30000"), D("0.05")), (D("30030"), D("0.05")), (D("30060"), D("5")))
    calm = {"volatility": 1e-9, "volatility_baseline": 1e-9}
    at_once = asked("impact", snapshot=trading(asks=asks, **calm))
    assert at_once.value == "10"
    larger = cases.intent(notional=D("6000"))
    assert asked("impact", larger, trading(asks=asks, **calm)).value == "20"
    short_book = trading(asks=asks[:2], **calm)
    result = asked("impact", larger, short_book)
    assert result.status is FAIL
    assert result.cap == D("3001.5")
    steep = trading(asks=(asks[0], (D("30061"), D("5"))), **calm)
    assert asked("impact", snapshot=steep).cap == D("1500")
    exactly = trading(asks=((D("30000"), D("0.1")),), **calm)
    assert asked("impact", snapshot=exactly).status is PASS
    thin = trading(asks=((D("30000"), D("0.005")),), **calm)
    assert asked("impact", twap(100.0, 10.0), thin).cap == D("1500")
    unreadable = trading(asks=((D("30000"), D("Infinity")),), **calm)
    assert asked("impact", snapshot=unreadable).cap == 0


def test_the_law_of_impact_caps_at_its_inversion_and_slippage_adds_half_the_spread() -> None:
    # Y sigma sqrt(Q/V) = 0.04 * sqrt(3000/1.2e6) = 20 bps exactly.
    at_limit = trading(volume_24h=D("1200000"), volatility=0.04, volatility_baseline=0.04)
    assert float(asked("impact", snapshot=at_limit).value or 0) == pytest.approx(20)
    beyond = trading(volume_24h=D("1000000"), volatility=0.04, volatility_baseline=0.04)
    result = asked("impact", snapshot=beyond)
    assert result.status is FAIL
    assert result.cap in (D("2499"), D("2500"))
    wide = trading(
        bid=D("29970"),
        ask=D("30030"),
        asks=((D("30030"), D("5")),),
        volume_24h=D("1200000"),
        volatility=0.04,
        volatility_baseline=0.04,
    )
    assert float(asked("slippage", snapshot=wide).value or 0) == pytest.approx(30)
    tight = cases.limits(max_slippage_bps=25.0)
    # 25 - 10 = 15 bps are left for the impact: V (15/400)^2 x 1e... = 1687.5.
    assert asked("slippage", snapshot=wide, limits=tight).cap in (D("1687"), D("1688"))
    nothing_left = cases.limits(max_slippage_bps=5.0)
    assert asked("slippage", snapshot=wide, limits=nothing_left).cap == 0


def test_the_book_is_counted_with_every_sign() -> None:
    """Positions and working orders elsewhere, long and short, reduce-only ones not at all."""
    snapshot = owning(
        positions=(held("0.1", "ETHUSDT", "2000"), held("-0.2", "SOLUSDT", "100")),
        working=(
            works("ETHUSDT", BUY, "0.5", "1000"),
            works("SOLUSDT", SELL, "2", "200"),
            works("XRPUSDT", SELL, "9", "9000", only_reduces=True),
        ),
    )
    expected = {BUY: ("4420", "4180"), SELL: ("4420", "3020")}
    for side, (gross, net) in expected.items():
        intent = cases.intent(side=side)
        assert asked("gross_exposure", intent, snapshot).value == gross
        assert asked("net_exposure", intent, snapshot).value == net
        assert asked("open_positions", intent, snapshot).value == "3"


def test_the_smallest_lot_that_the_exchange_takes_is_approved() -> None:
    decision = evaluate(cases.intent(), ruled(min_qty=D("0.1")), cases.LIMITS)
    assert decision.verdict is Verdict.ALLOW
    assert decision.approved_qty == D("0.1")


def test_the_smallest_of_several_caps_sets_the_size_and_is_named() -> None:
    thin = trading(ask_depth=D("3000"), volume_24h=D("40000"), volatility=1e-9)
    decision = evaluate(cases.intent(), thin, cases.LIMITS)
    assert decision.check("adv_share").cap == D("2000")
    assert decision.check("depth").cap == D("1500")
    assert decision.capped_by == "depth"
    assert decision.approved_notional == D("1500")


def test_the_largest_order_counts_per_slice() -> None:
    result = asked("max_qty", twap(100.0, 10.0), ruled(max_qty=D("0.005")))
    assert (result.status, result.cap) == (FAIL, D("1500"))


def test_an_unknown_says_what_is_wrong_with_its_input() -> None:
    missing = asked("confidence", cases.intent(model=cases.model(confidence=None)))
    assert missing.detail == "the input is missing"
    odd = asked("confidence", cases.intent(model=cases.model(confidence=7.0)))
    assert odd.detail == "7.0 is not a readable value"
    shares = {"fine": 0.5, "none": 0.0, "whole": 1.0, "broken": 1.5, "bad": -1.0}
    features = asked("explainability", cases.intent(model=cases.model(feature_importance=shares)))
    assert features.detail == "the importance of bad, broken is not a share"
    versions = {"v0": "rolled back", "v9": "not registered"}
    for version, word in versions.items():
        model = cases.model(model_version=version)
        assert asked("model_version", cases.intent(model=model)).value == word


def test_limits_are_shares_of_equity_and_leverage_is_a_multiple_of_it() -> None:
    half = cases.limits(max_gross_exposure_share=D("0.5"), max_net_exposure_share=D("0.25"))
    assert asked("gross_exposure", limits=half).limit == "50000"
    assert asked("net_exposure", limits=half).limit == "25000"
    assert asked("position_size").limit == "10000"
    assert asked("correlated_exposure").limit == "30000"
    snapshot = owning(positions=(held("1", "ETHUSDT", "30000"),))
    result = asked("leverage", snapshot=snapshot)
    assert (result.value, result.limit, result.cap) == ("0.33", "3", D("270000"))
    result = asked("liquidation_distance", snapshot=snapshot)
    assert float(result.value or 0) == pytest.approx(100 / 33 - 0.005)


def test_what_moves_with_a_trade_depends_on_its_side() -> None:
    snapshot = owning(
        positions=(held("0.1", "ETHUSDT", "2000"), held("-0.2", "SOLUSDT", "100")),
        working=(
            works("ETHUSDT", BUY, "0.5", "1000"),
            works("SOLUSDT", SELL, "2", "200"),
            works("ETHUSDT", SELL, "9", "9000", only_reduces=True),
        ),
        correlations={"ETHUSDT": 0.8, "SOLUSDT": 0.9},
    )
    # A buy goes with the longs in ETH, a sell with the shorts in SOL.
    buying = asked("correlated_exposure", cases.intent(), snapshot)
    assert buying.value == "4200"
    selling = asked("correlated_exposure", cases.intent(side=SELL), snapshot)
    assert selling.value == "3220"
    assert asked("correlated_positions", cases.intent(), snapshot).value == "1"
    uncorrelated = replace(snapshot, correlations={"ETHUSDT": 0.79, "SOLUSDT": 0.0})
    assert asked("correlated_exposure", cases.intent(), uncorrelated).value == "3000"


def test_too_many_positions_that_move_together_are_refused() -> None:
    for count, status in ((3, PASS), (4, FAIL)):
        positions = tuple(held("1", f"S{i}USDT", "1") for i in range(count))
        correlations = {position.symbol: 1.0 for position in positions}
        snapshot = owning(positions=positions, correlations=correlations)
        assert asked("correlated_positions", snapshot=snapshot).status is status


def test_concentration_counts_once_the_book_is_large() -> None:
    lone = cases.limits(max_position_share=D("1"))
    small = owning(positions=(held("0.9"),))
    assert asked("concentration", snapshot=small, limits=lone).status is PASS
    large = owning(positions=(held("0.9001"),))
    result = asked("concentration", snapshot=large, limits=lone)
    assert (result.status, result.value) == (FAIL, "1")
    # Two equal holdings are two bets; adding to the smaller of two is never refused.
    even = owning(positions=(held("0.9"), held("1", "ETHUSDT", "30000")))
    assert float(asked("concentration", snapshot=even, limits=lone).value or 0) == pytest.approx(2)
    lopsided = owning(positions=(held("3", "ETHUSDT"),))
    assert asked("concentration", snapshot=lopsided, limits=lone).status is PASS


def test_an_order_works_only_against_its_own_symbols_position() -> None:
    snapshot = owning(positions=(held("0.3"),), working=(works("ETHUSDT", SELL, "0.3", "600"),))
    decision = evaluate(cases.intent(side=SELL), snapshot, cases.LIMITS)
    assert decision.reduce_only
    assert decision.verdict is Verdict.ALLOW


@pytest.mark.parametrize(("qty", "notional"), [("NaN", "1"), ("1", "NaN"), ("Infinity", "1")])
def test_a_working_order_that_cant_be_read_denies(qty: str, notional: str) -> None:
    snapshot = owning(working=(works("ETHUSDT", BUY, qty, notional),))
    decision = evaluate(cases.intent(), snapshot, cases.LIMITS)
    assert decision.verdict is Verdict.DENY
    assert decision.reasons == (TradeBlockReason.DATA_MISSING,)


def test_evidence_that_the_configuration_does_not_require_may_be_absent() -> None:
    loose = cases.limits(
        require_ensemble_members=False, require_model_version=False, require_prediction_time=False
    )
    model = cases.model(member_probabilities=(), model_version=None, predicted_at=None)
    decision = evaluate(cases.intent(model=model), cases.snapshot(), loose)
    assert decision.verdict is Verdict.ALLOW
    for name in ("ensemble_entropy", "model_version", "prediction_age"):
        assert decision.check(name).status is SKIPPED
    unregistered = cases.snapshot(known_model_versions=None)
    assert asked("model_version", snapshot=unregistered).status is SKIPPED
    strict = cases.limits(require_model_registry=True)
    assert asked("model_version", snapshot=unregistered, limits=strict).status is UNKNOWN


def test_states_breakers_and_duplicates_say_why() -> None:
    reducing = cases.snapshot(states=(ScopeState("account:main", TradingState.REDUCING, "loss"),))
    result = asked("trading_state", snapshot=reducing)
    assert (result.reason, result.detail) == (
        TradeBlockReason.TRADING_STATE,
        "account:main: loss",
    )
    nameless = cases.snapshot(states=(ScopeState("global", TradingState.FLAT),))
    assert asked("trading_state", snapshot=nameless).detail == "global"
    for state in (TradingState.HALTED, TradingState.FLATTENING):
        stopped = cases.snapshot(states=(ScopeState("global", state),))
        assert asked("trading_state", snapshot=stopped).reason is (
            TradeBlockReason.EMERGENCY_STOP_ACTIVE
        )
        exit_now = cases.intent(reduce_only=True, priority=ExecutionPriority.EMERGENCY)
        assert asked("trading_state", exit_now, snapshot=stopped).status is PASS
        entry_now = cases.intent(priority=ExecutionPriority.EMERGENCY)
        assert asked("trading_state", entry_now, snapshot=stopped).status is FAIL
    latched = cases.snapshot(breakers=(BreakerView("daily_loss_limit", "global", "lost 3 %"),))
    assert "lost 3 %" in asked("breakers", snapshot=latched).sentence
    assert asked("duplicate_request", snapshot=cases.snapshot(request_seen=True)).status is FAIL
    assert asked("duplicate_request", snapshot=cases.snapshot(request_seen=None)).status is UNKNOWN
    for share, status in ((1.0, PASS), (0.1, PASS), (0.0, FAIL), (1.1, UNKNOWN), (-0.1, UNKNOWN)):
        result = asked("recovery", snapshot=cases.snapshot(recovery_share=share))
        assert result.status is status


FACTORS = [
    ("confidence", {"model": cases.model(confidence=0.7)}, {}, "0.617"),
    ("uncertainty", {"model": cases.model(uncertainty=0.4)}, {}, "0.75"),
    ("volatility", {}, {"market": cases.market(volatility=0.06)}, "0.75"),
    (
        "liquidity",
        {},
        {"market": cases.market(bid=D("29985"), ask=D("30015"))},
        "0.5",
    ),
    ("drawdown", {}, {"portfolio": cases.portfolio(equity=D("94000"))}, "0.5"),
    (
        "correlation",
        {},
        {
            "portfolio": cases.portfolio(positions=(held("0.75", "ETHUSDT"),)),
            "correlations": {"ETHUSDT": 0.9},
        },
        "0.5",
    ),
    ("recovery", {}, {"recovery_share": 0.25}, "0.25"),
]


@pytest.mark.parametrize(("name", "terms", "seen", "value"), FACTORS, ids=lambda x: str(x)[:20])
def test_each_factor_follows_its_curve(
    name: str, terms: dict[str, Any], seen: dict[str, Any], value: str
) -> None:
    decision = evaluate(cases.intent(**terms), cases.snapshot(**seen), cases.LIMITS)
    factors = {factor.name: factor for factor in decision.factors}
    assert round(factors[name].value, 3) == D(value)
    assert [other for other, f in factors.items() if f.value < 1] == [name]
    assert name in factors[name].sentence


@pytest.mark.parametrize(
    ("name", "terms", "seen"),
    [
        ("confidence", {"model": cases.model(confidence=None)}, {}),
        ("confidence", {"model": cases.model(confidence=1.5)}, {}),
        ("uncertainty", {"model": cases.model(uncertainty=-0.5)}, {}),
        ("volatility", {}, {"market": cases.market(volatility=None)}),
        ("liquidity", {}, {"market": cases.market(bid=None)}),
        ("drawdown", {}, {"portfolio": cases.portfolio(equity_peak=None)}),
        ("drawdown", {}, {"portfolio": cases.portfolio(equity=None)}),
        (
            "correlation",
            {},
            {"portfolio": cases.portfolio(equity=None, positions=(held("1", "ETHUSDT"),))},
        ),
        ("recovery", {}, {"recovery_share": 1.5}),
        ("recovery", {}, {"recovery_share": -0.5}),
    ],
    ids=lambda x: str(x)[:20],
)
def test_a_factor_that_cant_be_measured_leaves_no_size(
    name: str, terms: dict[str, Any], seen: dict[str, Any]
) -> None:
    decision = evaluate(cases.intent(**terms), cases.snapshot(**seen), cases.LIMITS)
    (factor,) = (f for f in decision.factors if f.name == name)
    assert factor.value == 0
    assert "could not be measured" in factor.sentence
    assert decision.verdict is Verdict.DENY


def risk_of(snapshot: RiskSnapshot, risk: str = "0.02", **intent: Any) -> CheckResult:
    return asked(
        "trade_risk", cases.intent(**intent), snapshot, cases.limits(max_portfolio_risk=D(risk))
    )


def test_a_trade_risks_what_it_loses_at_its_stop() -> None:
    """`max_portfolio_risk` caps what a trade may lose at its stop."""
    at_the_limit = risk_of(cases.snapshot(), "0.003", stop_price=D("27000"))
    assert (at_the_limit.status, at_the_limit.margin) == (PASS, "0")
    assert at_the_limit.value == "300"
    beyond = risk_of(cases.snapshot(), "0.00299", stop_price=D("27000"))
    assert (beyond.status, beyond.cap) == (FAIL, D("2990"))
    assert "at the stop" in beyond.sentence
    assert beyond.reason is TradeBlockReason.PORTFOLIO_RISK_LIMIT
    short = risk_of(cases.snapshot(), "0.02", side=SELL, stop_price=D("32999.89"))
    assert short.value == "300"
    for gains in (D("30000"), D("31000"), D("0"), D("NaN")):
        assert risk_of(cases.snapshot(), stop_price=gains).status is UNKNOWN


def test_without_a_stop_a_trade_risks_its_bad_day() -> None:
    normal = risk_of(trading(volatility=0.05, volatility_baseline=0.05))
    assert normal.value == "309.40692"
    assert "normal law" in normal.sentence
    calm_hour = risk_of(trading(volatility=0.03, volatility_baseline=0.05))
    assert calm_hour.value == "309.40692"
    assert risk_of(trading(volatility=0.05, volatility_baseline=None)).value == "309.40692"
    known = risk_of(trading(volatility=0.05, expected_shortfall=0.1))
    assert known.value == "300"
    assert "of the daily returns" in known.sentence
    for missing in ({"volatility": None}, {"volatility": 0.0}, {"expected_shortfall": -0.1}):
        assert risk_of(trading(**missing)).status is UNKNOWN
    assert risk_of(cases.snapshot(market=None)).status is UNKNOWN


def test_a_trade_in_parts_is_no_way_around_its_risk() -> None:
    market = cases.market(volatility=0.05, expected_shortfall=0.1)
    holding = cases.snapshot(market=market, portfolio=cases.portfolio(positions=(held("0.1"),)))
    assert risk_of(holding).value == "600"
    assert risk_of(holding, "0.005").cap == D("2000")
    assert risk_of(holding, stop_price=D("29700")).value == "330"
    unmeasured = replace(holding, market=cases.market(volatility=None))
    assert risk_of(unmeasured, stop_price=D("29700")).status is UNKNOWN


def test_what_only_reduces_is_not_asked_for_its_risk() -> None:
    holding = owning(positions=(held("1"),))
    assert risk_of(holding, "0.000001", side=SELL).status is SKIPPED


def test_a_trade_that_risks_too_much_is_made_smaller() -> None:
    tight = cases.limits(max_portfolio_risk=D("0.001"))
    decision = evaluate(cases.intent(stop_price=D("27000")), cases.snapshot(), tight)
    assert (decision.verdict, decision.capped_by) == (Verdict.SHRINK, "trade_risk")
    assert decision.approved_notional == 990


@pytest.mark.parametrize(("score", "status"), [(0.3, PASS), (0.29, FAIL), (1.1, UNKNOWN)])
def test_a_score_of_importance_stands_for_the_shares(score: float, status: CheckStatus) -> None:
    prediction = cases.model(feature_importance={}, feature_importance_score=score)
    it = cases.intent(model=prediction)
    assert asked("feature_importance", it).status is status
    expected = UNKNOWN if status is UNKNOWN else PASS
    assert asked("explainability", it).status is expected
    assert asked("explainability", it, limits=cases.limits(min_explained_features=2)).status in (
        FAIL,
        UNKNOWN,
    )
