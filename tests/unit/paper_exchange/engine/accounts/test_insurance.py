"""Partial liquidation by risk tier, and deleveraging when the insurance fund is used up."""

from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.persistence import dump, load
from paper_exchange.engine.settings import AccountConfig
from tests.unit.paper_exchange.engine.conftest import Desk

D = Decimal


def desk_of(make_desk: Any, money: str, size: str, **settings: Any) -> Any:
    """Long u1 and short u2, both opened by their limit orders at 100 with 10x."""
    accounts = {
        "u1": AccountConfig("u1", balances={"USDT": D(money)}),
        "u2": AccountConfig("u2", balances={"USDT": D(100_000)}),
    }
    desk = make_desk(accounts, **settings)
    desk.book(bids=[("100.0", "900")], asks=[("100.0", "900")], snapshot=True)
    desk.mark("100")
    desk.create("Buy", size, "100")
    desk.create("Sell", size, "100", uid="u2")
    desk.events()
    return desk


def test_a_position_of_a_high_tier_goes_down_tier_by_tier(make_desk: Any) -> None:
    desk = desk_of(make_desk, "120", "8", risk_tier_value=D(200))
    assert D(desk.position()["size"]) == 8
    cuts: list[Decimal] = []
    mark = D(100)
    while not cuts:
        mark -= D("0.1")
        desk.mark(str(mark))
        rows = desk.events("execution")
        cuts = [D(row["execQty"]) for row in rows if row["execType"] == "BustTrade"]
    left = D(desk.position()["size"])
    assert left + sum(cuts) == 8
    assert 0 < left < 8
    margin = desk.engine.world.margin.account_margin(desk.engine.world.accounts["u1"])
    assert margin.balance > margin.maintenance
    assert desk.cash() > 0


def test_in_the_first_tier_the_whole_position_is_closed(make_desk: Any) -> None:
    desk = desk_of(make_desk, "100", "8")
    desk.mark("50")
    assert D(desk.position()["size"]) == 0


@pytest.mark.parametrize(("fund", "deleveraged"), [("0", True), ("1000", False), (None, False)])
def test_a_fund_that_cannot_bear_a_loss_deleverages_the_other_side(
    make_desk: Any, fund: str | None, deleveraged: bool
) -> None:
    desk = desk_of(make_desk, "100", "8", insurance_fund=None if fund is None else D(fund))
    desk.mark("50")
    kinds = [(e["execType"], e["symbol"]) for e in desk.events("execution")]
    assert ("BustTrade", "BTCUSDT") in kinds
    assert (("AdlTrade", "BTCUSDT") in kinds) is deleveraged
    assert D(desk.position("u2")["size"]) == (0 if deleveraged else 8)
    if fund == "1000":
        assert D(0) < desk.engine.world.insurance < D(1000)


def test_the_fund_survives_a_restart(make_desk: Any) -> None:
    desk: Desk = desk_of(make_desk, "100", "8", insurance_fund=D(1000))
    desk.mark("50")
    desk.events()
    world = desk.engine.world
    configs = {uid: account.config for uid, account in world.accounts.items()}
    again = PaperEngine(list(desk.specs.values()), configs, world.settings)
    load(again.world, dump(world))
    assert again.world.insurance == world.insurance != D(1000)
