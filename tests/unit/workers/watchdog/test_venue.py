"""The watchdog cancels mlrisk's own entries: no stop, no exit, nobody else's order."""

from collections.abc import Mapping
from typing import Any

import pytest
from pydantic import SecretStr

from workers.watchdog.venue import CancelOnlyVenue, RestingOrder, VenueError, adding


def order(link: str, *, reduces: bool = False, conditional: bool = False) -> RestingOrder:
    return RestingOrder(link, "BTCUSDT", reduces, conditional)


def test_only_our_own_ordinary_entries_add_risk() -> None:
    orders = [
        order("mr-1"),
        order("mr-2", reduces=True),
        order("mr-3", conditional=True),
        order("somebody-1"),
    ]
    assert adding(orders, "mr-") == [orders[0]]


class Answered(CancelOnlyVenue):
    """A venue whose answers are given; the requests are kept."""

    def __init__(self, *answers: Mapping[str, Any]) -> None:
        super().__init__("http://127.0.0.1:1/", SecretStr("k"), SecretStr("s"))
        self.answers = list(answers)
        self.asked: list[tuple[str, str]] = []

    def _ask(self, method: str, url: str, signed: str, body: str | None) -> dict[str, Any]:
        self.asked.append((method, url))
        return dict(self.answers.pop(0))


def page(*rows: Mapping[str, Any], cursor: str = "") -> dict[str, Any]:
    return {"retCode": 0, "result": {"list": list(rows), "nextPageCursor": cursor}}


def test_every_page_of_open_orders_is_read_and_stops_are_told_apart() -> None:
    entry = {"orderLinkId": "mr-1", "symbol": "BTCUSDT", "orderStatus": "New"}
    stop = {**entry, "orderLinkId": "mr-2", "orderStatus": "Untriggered"}
    exit_ = {**entry, "orderLinkId": "mr-3", "reduceOnly": True}
    venue = Answered(page(entry, stop, cursor="next"), page(exit_))
    found = venue.resting()
    assert [(one.reduces, one.conditional) for one in found] == [
        (False, False),
        (False, True),
        (True, False),
    ]
    assert "cursor=next" in venue.asked[1][1]


def test_an_order_that_has_ended_is_no_error_and_another_refusal_is() -> None:
    venue = Answered({"retCode": 110001}, {"retCode": 10003})
    venue.cancel(order("mr-1"))
    with pytest.raises(VenueError, match="10003"):
        venue.cancel(order("mr-1"))


def test_a_key_that_cannot_cancel_or_may_withdraw_is_unfit() -> None:
    fit = {"readOnly": 0, "permissions": {"ContractTrade": ["Order"], "Wallet": []}}
    unfit = {"readOnly": 1, "permissions": {"ContractTrade": [], "Wallet": ["Withdraw"]}}
    venue = Answered({"retCode": 0, "result": fit}, {"retCode": 0, "result": unfit})
    assert venue.key_faults() == []
    assert len(venue.key_faults()) == 3


def test_no_answer_shows_no_header() -> None:
    venue = CancelOnlyVenue("http://127.0.0.1:1", SecretStr("our-key"), SecretStr("our-secret"))
    with pytest.raises(VenueError) as caught:
        venue.resting()
    assert "our-" not in str(caught.value)
