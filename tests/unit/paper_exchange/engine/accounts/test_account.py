"""A position's size, side, average and profit follow from steps and exact cost."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from paper_exchange.engine.accounts.account import Position

D = Decimal
MARKET: Any = SimpleNamespace(step=D("0.1"), symbol="BTCUSDT")


def position(size: int, cost: str) -> Position:
    return Position(market=MARKET, idx=0, leverage=D(10), size=size, cost=D(cost))


@pytest.mark.parametrize(("size", "side"), [(20, 1), (-20, -1), (0, 0)])
def test_the_side_is_the_sign_of_the_size(size: int, side: int) -> None:
    held = position(size, "200")
    assert held.side == side
    assert held.quantity() == D(2) * abs(side)
    assert held.average() == D(100) * abs(side)


@pytest.mark.parametrize(("size", "profit"), [(20, "20"), (-20, "-20"), (0, "0")])
def test_profit_is_measured_at_the_mark(size: int, profit: str) -> None:
    assert position(size, "200").unrealised(D(110)) == D(profit)


def test_only_the_other_side_closes() -> None:
    assert position(20, "200").closable(-1) == 20
    assert position(20, "200").closable(1) == 0
    assert position(-20, "200").closable(1) == 20
    assert position(0, "0").closable(1) == 0
