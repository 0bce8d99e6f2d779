"""A scope's orders are picked by what the exchange tells; a doubt leaves no order."""

from decimal import Decimal

import pytest

from bot.exchange.protocol import ExchangeOrder
from bot.execution.orders.identity import order_link_id
from bot.safety.halting.scope_at_exchange import ScopeAtExchange
from bot.state.scope import EVERYTHING, Scope
from models.enums import OrderStatus, ScopeKind, TradeSide
from tests.support.fakes import T0

ACCOUNT = "paper"


def order(link: str, symbol: str = "BTCUSDT") -> ExchangeOrder:
    return ExchangeOrder(
        order_id=f"id-{link}", order_link_id=link, symbol=symbol, side=TradeSide.BUY,
        qty=Decimal(1), price=Decimal(1), status=OrderStatus.OPEN, raw_status="New",
        filled_qty=Decimal(0), average_price=None, reduce_only=False, updated_at=T0,
    )  # fmt: skip


ALPHA = order(order_link_id(ACCOUNT, "r-1", 0, 0, strategy="alpha"))
BETA = order(order_link_id(ACCOUNT, "r-2", 0, 0, strategy="beta"), "ETHUSDT")
OLD = order(order_link_id(ACCOUNT, "r-3", 0, 0), "ETHUSDT")
ALL = [ALPHA, BETA, OLD]


@pytest.mark.parametrize("scope", [EVERYTHING, Scope(ScopeKind.ACCOUNT, ACCOUNT)])
def test_the_keys_see_the_whole_of_their_account(scope: Scope) -> None:
    found = ScopeAtExchange(scope, ACCOUNT)
    assert found.is_whole
    assert (found.pick(ALL), found.notes()) == (ALL, [])


def test_a_symbol_is_told_by_the_orders_themselves() -> None:
    found = ScopeAtExchange(Scope(ScopeKind.SYMBOL, "ETHUSDT"), ACCOUNT)
    assert (found.pick(ALL), found.notes()) == ([BETA, OLD], [])


def test_a_strategy_is_told_by_its_tag_and_an_order_without_one_is_told_of() -> None:
    found = ScopeAtExchange(Scope(ScopeKind.STRATEGY, "alpha"), ACCOUNT)
    assert found.pick([ALPHA, BETA]) == [ALPHA]
    assert found.notes() == []
    assert found.pick(ALL) == found.pick(ALL) == [ALPHA, OLD]
    (note,) = found.notes()
    assert note.startswith("1 of them have an id without a strategy")


def test_another_account_is_out_of_reach() -> None:
    found = ScopeAtExchange(Scope(ScopeKind.ACCOUNT, "other"), ACCOUNT)
    assert (found.is_whole, found.pick(ALL)) == (False, [])
    assert found.notes() == [
        "no order of account:other is in reach: these keys are of account paper"
    ]
