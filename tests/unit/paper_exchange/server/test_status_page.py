"""The status page shows what there is, and nothing of a client's text becomes markup."""

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.server.accounts import Account
from paper_exchange.server.auth import ApiKey
from paper_exchange.server.exchange import Exchange, ServerSettings
from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.status_page import LEVELS, _table, page
from tests.unit.paper_exchange.server.market_script import KEY, SPEC, UID, make_venue

BUY = {"category": "linear", "symbol": SPEC.symbol, "side": "Buy", "orderType": "Limit"}


def test_books_orders_positions_and_faults_are_shown() -> None:
    venue, engine, clock = make_venue()
    account = Account(AccountConfig(UID), (ApiKey("k", UID, "s"),))
    faults = FaultBoard()
    exchange = Exchange(venue, {UID: account}, ServerSettings(control=True), faults, engine)
    faults.add("html", "order/*<b>")
    for qty, price in (("1", "99"), ("2", "100.1")):
        engine.create_order(UID, {**BUY, "qty": qty, "price": price}, venue.catch_up())
    clock.now += 10
    text = page(exchange, ["print_trade"])
    assert f"{SPEC.symbol} {KEY[0]}" in text
    assert text.count("<td>5.00</td>") == 2 * LEVELS - 1  # one level is taken in part
    assert "Orders: 1" in text
    assert "Positions: 1" in text
    assert "order/*&lt;b&gt;" in text
    assert "<script" not in text
    assert 'action="/control/form/faults/off/1"' in text


def test_every_cell_is_escaped() -> None:
    assert _table(("a",), [{"a": "<i>"}]) == (
        "<table><tr><th>a</th></tr><tr><td>&lt;i&gt;</td></tr></table>"
    )
    assert _table(("a",), []) == ""
