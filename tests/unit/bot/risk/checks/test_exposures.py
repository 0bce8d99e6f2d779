"""A portfolio is judged at its limits: size, leverage, concentration, correlation."""

from dataclasses import replace
from typing import Any

import pytest

from bot.risk.gate import evaluate
from bot.risk.snapshot import PositionView
from models.enums import CheckStatus, TradeBlockReason, TradeSide, Verdict
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D, held
from tests.unit.bot.risk.checks.asking import (
    BUY,
    FAIL,
    PASS,
    SELL,
    UNKNOWN,
    ago,
    asked,
    owning,
    works,
)

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
