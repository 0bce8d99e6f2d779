"""Own impact: size, exponent, decay, and that it stays off unless asked for."""

from decimal import Decimal
from math import log
from typing import Any

import pytest

from paper_exchange.engine.settings import ImpactSettings

D = Decimal
LEVELS = [("100000.0", "5000")], [("100000.1", "5000")]


def impact_desk(make_desk: Any, **settings: Any) -> Any:
    impact = ImpactSettings(
        enabled=True,
        daily_volatility={"BTCUSDT": D("0.02")},
        daily_volume={"BTCUSDT": D(10_000)},
        **settings,
    )
    desk = make_desk(impact=impact)
    desk.engine.world.accounts["u1"].wallet["USDT"] = D(10) ** 10
    desk.engine.world.accounts["u1"].config = desk.engine.world.accounts["u1"].config
    desk.book(*LEVELS, snapshot=True)
    return desk


def shift_after(make_desk: Any, qty: str) -> int:
    desk = impact_desk(make_desk)
    desk.create("Buy", qty)
    desk.now += 100
    desk.book(*LEVELS)
    return int(desk.engine.world.markets["linear", "BTCUSDT"].book.shift)


def test_impact_follows_the_square_root_law(make_desk: Any) -> None:
    small, large = shift_after(make_desk, "1"), shift_after(make_desk, "16")
    assert small == pytest.approx(0.02 * (1 / 10_000) ** 0.5 * 1_000_000, rel=0.01)
    assert log(large / small) / log(16) == pytest.approx(0.5, abs=0.01)


def test_impact_starts_linearly(make_desk: Any) -> None:
    small, large = shift_after(make_desk, "0.05"), shift_after(make_desk, "0.1")
    assert large == pytest.approx(2 * small, rel=0.05)


def test_impact_decays_and_a_sale_takes_it_back(make_desk: Any) -> None:
    desk = impact_desk(make_desk, half_life_ms=60_000)
    book = desk.engine.world.markets["linear", "BTCUSDT"].book
    desk.create("Buy", "4")
    desk.now += 100
    desk.book(*LEVELS)
    first = book.shift
    bids, asks = desk.engine.book("linear", "BTCUSDT", 1)
    assert (bids[0][0], asks[0][0]) == (1_000_000 + first, 1_000_001 + first)
    desk.now += 120_000
    desk.book(*LEVELS)
    assert book.shift == pytest.approx(first / 2, rel=0.02)
    desk.create("Sell", "1.001")
    desk.now += 100
    desk.book(*LEVELS)
    assert abs(book.shift) <= first * 0.05


def test_a_later_buy_pays_for_an_earlier_one(make_desk: Any) -> None:
    desk = impact_desk(make_desk)
    desk.create("Buy", "4")
    desk.now += 100
    desk.book(*LEVELS)
    desk.create("Buy", "1")
    first, second = (D(e["execPrice"]) for e in desk.events("execution"))
    assert second - first == pytest.approx(D(40), abs=1)


def test_without_the_switch_prices_stay_the_replays_own(make_desk: Any) -> None:
    desk = make_desk()
    desk.book(*LEVELS, snapshot=True)
    desk.create("Buy", "4")
    desk.now += 100
    desk.book(*LEVELS)
    assert desk.engine.book("linear", "BTCUSDT", 1)[1] == [(1_000_001, 4_996_000)]


def test_impact_acts_from_the_first_second_by_the_past_days_volume(make_desk: Any) -> None:
    impact = ImpactSettings(enabled=True, daily_volatility={"BTCUSDT": D("0.02")})
    desk = make_desk(impact=impact)
    desk.engine.take_past("linear", "BTCUSDT", 10_000_000)  # 10,000 coins
    desk.book(*LEVELS, snapshot=True)
    desk.create("Buy", "1")
    desk.now += 100
    desk.book(*LEVELS)
    assert desk.engine.shift("linear", "BTCUSDT") == pytest.approx(200, rel=0.01)


def test_impact_moves_mark_and_index_and_fires_the_stops_that_follow_them(make_desk: Any) -> None:
    desk = impact_desk(make_desk)
    desk.mark("100000", index_price=D("99990"))
    stops = [
        desk.create("Buy", "0.1", uid="u2", triggerPrice="100010", triggerDirection=1, triggerBy=by)
        for by in ("MarkPrice", "IndexPrice")
    ]
    desk.create("Buy", "1")
    desk.now += 100
    desk.book(*LEVELS)
    market = desk.engine.world.markets["linear", "BTCUSDT"]
    moved = market.book.shift * D("0.1")
    assert market.mark() == D(100_000) + moved
    assert market.index == D(99_990) + moved
    assert [desk.order(one, uid="u2")["orderStatus"] for one in stops] == ["Filled", "Filled"]
    assert D(desk.position()["markPrice"]) == market.mark()
