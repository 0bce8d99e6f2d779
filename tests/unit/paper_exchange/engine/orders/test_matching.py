"""Queue and liquidity rules, among them the rows of tests/scenarios/execution.yaml."""

import re
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import yaml

SCENARIOS = next(
    parent / "scenarios" / "execution.yaml"
    for parent in Path(__file__).parents
    if (parent / "scenarios" / "execution.yaml").exists()
)
FILLS = yaml.safe_load(SCENARIOS.read_text())["fills"]
QUEUES = [row for row in FILLS if "queue_ahead" in row]
TAKERS = [row for row in FILLS if "taker" in row]


@pytest.mark.parametrize("row", QUEUES, ids=lambda row: f"ahead {row['queue_ahead']}")
def test_a_maker_waits_behind_the_displayed_size(make_desk: Callable[..., Any], row: Any) -> None:
    desk = make_desk()
    desk.book(bids=[("100.0", row["queue_ahead"])], asks=[("100.1", "1")], snapshot=True)
    order = desk.create("Buy", row["our_buy"], "100.0")
    resting = desk.engine.world.accounts["u1"].orders[order]
    for event in row["events"]:
        desk.trade("100.0", event["sell_trade"], "Sell")
        filled = sum(float(e["execQty"]) for e in desk.events("execution"))
        assert filled == pytest.approx(float(event["fill"]), abs=0)
        if "left_ahead" in event:
            assert resting.ahead == int(float(event["left_ahead"]) * 1000)


@pytest.mark.parametrize("row", TAKERS, ids=lambda row: row["taker"])
def test_takers_use_liquidity_once(make_desk: Callable[..., Any], row: Any) -> None:
    size, touch = re.findall(r"\d+\.\d+", row["taker"])
    left = re.findall(r"\d+\.\d+", row["expect"])[0]
    desk = make_desk()
    desk.book(bids=[("100.0", "1")], asks=[("100.1", touch), ("100.2", "9")], snapshot=True)
    desk.create("Buy", size)
    desk.create("Buy", size)
    at_touch = [e["execQty"] for e in desk.events("execution") if e["execPrice"] == "100.1"]
    assert at_touch == [f"{float(size):.3f}", f"{float(left):.3f}"]


def test_a_trade_through_the_price_fills_up_to_its_size(desk: Any) -> None:
    order = desk.create("Buy", "3", "100.0")
    desk.trade("99.9", "2", "Sell")
    assert desk.order(order)["cumExecQty"] == "2.000"


def test_earlier_orders_fill_first_at_one_price(desk: Any) -> None:
    first = desk.create("Buy", "1", "100.0")
    second = desk.create("Buy", "1", "100.0", uid="u2")
    desk.trade("100.0", "3.5", "Sell")
    assert desk.order(first)["cumExecQty"] == "1.000"
    assert desk.order(second, uid="u2")["cumExecQty"] == "0.500"


def test_better_prices_fill_before_worse_ones(desk: Any) -> None:
    worse = desk.create("Buy", "1", "99.9")
    better = desk.create("Buy", "1", "100.0")
    desk.trade("99.9", "1", "Sell")
    assert desk.order(better)["orderStatus"] == "Filled"
    assert desk.order(worse)["cumExecQty"] == "0"


def test_cancels_ahead_move_us_up_in_proportion_and_trades_are_not_counted_twice(
    desk: Any,
) -> None:
    order = desk.engine.world.accounts["u1"].orders[desk.create("Buy", "1", "99.9")]
    desk.book(bids=[("99.9", "6")])  # 3 joined behind us
    assert order.ahead == 3000
    desk.book(bids=[("99.9", "4")])  # 2 of 6 cancelled, half of them ahead
    assert order.ahead == 2000
    desk.trade("99.9", "1", "Sell")
    desk.book(bids=[("99.9", "3")])
    assert order.ahead == 1000


@pytest.mark.parametrize("ask", ["99.9", "100.0"], ids=["through", "at"])
def test_a_quote_that_reaches_our_price_fills_up_to_its_size(
    make_desk: Callable[..., Any], ask: str
) -> None:
    for settings, filled in (({}, "0.500"), ({"fill_on_cross": False}, "0")):
        desk = make_desk(**settings)
        desk.book(bids=[("100.0", "1")], asks=[("100.1", "1")], snapshot=True)
        order = desk.create("Buy", "1", "100.0", timeInForce="PostOnly")
        desk.book(bids=[("99.0", "1")], asks=[(ask, "0.5"), ("100.2", "1")], snapshot=True)
        assert desk.order(order)["cumExecQty"] == filled
        assert all(row["execPrice"] == "100" for row in desk.events("execution"))


def test_a_quote_that_our_maker_has_taken_is_gone_from_the_book(desk: Any) -> None:
    desk.create("Buy", "0.2", "100.0")
    desk.book(bids=[("100.0", "0"), ("99.9", "0")], asks=[("99.9", "0.5")])
    assert desk.engine.book("linear", "BTCUSDT", 1)[1] == [(999, 300)]


def test_a_quote_through_several_orders_fills_the_better_price_first(desk: Any) -> None:
    worse = desk.create("Buy", "1", "99.9")
    better = desk.create("Buy", "1", "100.0", uid="u2")
    desk.book(bids=[("100.0", "0"), ("99.9", "0")], asks=[("99.8", "1.4")])
    assert desk.order(better, uid="u2")["orderStatus"] == "Filled"
    assert desk.order(worse)["cumExecQty"] == "0.400"


def test_a_reducing_order_without_a_position_lets_the_quote_reach_the_next_order(
    desk: Any,
) -> None:
    desk.create("Sell", "0.5", uid="u1")
    first = desk.create("Buy", "0.5", "99.8", reduceOnly=True)
    second = desk.create("Buy", "0.5", "99.8", reduceOnly=True)
    other = desk.create("Buy", "0.5", "99.8", uid="u2")
    desk.book(bids=[("100.0", "0"), ("99.9", "0"), ("99.8", "0")], asks=[("99.7", "2")])
    assert desk.order(first)["orderStatus"] == "Filled"
    assert desk.order(second)["cancelType"] == "CancelByReduceOnly"
    assert desk.order(other, uid="u2")["orderStatus"] == "Filled"


def test_what_an_account_can_carry_is_measured_again_when_a_maker_fills(desk: Any) -> None:
    """Two orders that each close the position are accepted without money; one may do so."""
    desk.create("Buy", "1")
    first = desk.create("Sell", "1", "100.4")
    second = desk.create("Sell", "1", "100.5")
    desk.engine.world.accounts["u1"].wallet["USDT"] = Decimal(5)
    desk.trade("100.6", "9", "Buy")
    assert desk.order(first)["orderStatus"] == "Filled"
    row = desk.order(second)
    assert (row["cumExecQty"], row["cancelType"]) == ("0", "CancelByCannotAffordOrderCost")
    assert desk.position()["size"] == "0.000"


def test_a_position_limit_is_measured_again_when_a_maker_fills(make_desk: Any) -> None:
    desk = make_desk(risk_tier_value=Decimal(150), risk_tiers=1)
    desk.book(bids=[("100.0", "9")], asks=[("100.1", "9")], snapshot=True)
    desk.mark("100")
    resting = desk.create("Buy", "1", "99.0")
    desk.mark("200")
    desk.trade("98.9", "9", "Sell")
    assert desk.order(resting)["cancelType"] == "CancelByCannotAffordOrderCost"
    assert desk.position()["size"] == "0.000"
