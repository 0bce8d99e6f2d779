"""What the feed keeps of the account's stream between its writes."""

from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.desk import Desk
from workers.feeds.account import AccountFeed

pytestmark = pytest.mark.services

D = Decimal


def test_the_newest_word_on_a_position_is_stored_and_stored_once(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    (position,) = desk.exchange.positions()
    context: Any = SimpleNamespace(clock=desk.clock, reconciler=desk.reconciler)
    feed = AccountFeed(context)
    for price in ("1000", "1001"):
        feed.on_event(replace(position, liquidation_price=D(price)))
    feed.store_positions()
    assert desk.liquidation_price() == 1001

    desk.reconciler.store_positions([replace(position, liquidation_price=D(900))])
    feed.store_positions()
    assert desk.liquidation_price() == 900
