"""The journal is read for our orders and moving executions, and for nothing else."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from console.runtime.exchange_record import parse_exchange_record, read_exchange_record
from paper_exchange.journal import JournalWriter

CREATE: dict[str, Any] = {
    "n": 1,
    "t": 1_748_779_200_123,
    "kind": "create",
    "orderId": "o-1",
    "orderLinkId": "mr-abc",
    "symbol": "BTCUSDT",
    "side": "Sell",
    "qty": "0.10",
    "reduceOnly": True,
}
FILL: dict[str, Any] = {
    "n": 2,
    "t": 1_748_779_200_130,
    "kind": "fill",
    "row": {
        "execId": "e-1",
        "orderId": "o-1",
        "orderLinkId": "mr-abc",
        "symbol": "BTCUSDT",
        "side": "Sell",
        "execQty": "0.1",
        "execPrice": "30000.5",
        "execType": "Trade",
        "execTime": "1748779200129",
    },
}


def test_orders_and_fills_come_in_our_words_and_types() -> None:
    record = parse_exchange_record([CREATE, FILL])
    (order,) = record.orders
    assert (order.side, order.qty, order.reduce_only) == ("sell", Decimal("0.10"), True)
    assert order.received_at == datetime(2025, 6, 1, 12, 0, 0, 123_000, tzinfo=UTC)
    (fill,) = record.fills_by_link_id["mr-abc"]
    assert (fill.side, fill.qty, fill.price) == ("sell", Decimal("0.1"), Decimal("30000.5"))
    assert fill.executed_at == datetime(2025, 6, 1, 12, 0, 0, 129_000, tzinfo=UTC)


def test_protective_stops_stand_apart() -> None:
    link = "ms-" + "a" * 24
    record = parse_exchange_record([{**CREATE, "orderLinkId": link}])
    assert record.orders == ()
    assert [order.order_link_id for order in record.stops] == [link]


def test_an_order_of_quantity_zero_is_for_the_position_that_there_was() -> None:
    closing = {**CREATE, "qty": "0", "positionBefore": "0.03"}
    short = {**CREATE, "qty": "0", "positionBefore": "-0.02"}
    record = parse_exchange_record([closing, short])
    assert [order.qty for order in record.orders] == [Decimal("0.03"), Decimal("0.02")]


def test_orders_of_others_and_cash_flows_are_not_ours() -> None:
    foreign = {**CREATE, "orderLinkId": "somebody"}
    unnamed = {**CREATE, "orderLinkId": ""}
    funding = {**FILL, "row": {**FILL["row"], "execType": "Funding"}}
    cancel = {**CREATE, "kind": "cancel"}
    record = parse_exchange_record([foreign, unnamed, funding, cancel, {"kind": "start", "n": 9}])
    assert (record.orders, record.fills) == ((), ())


def test_a_journal_is_read_from_its_file_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    assert read_exchange_record(path).orders == ()
    with JournalWriter(path) as journal:
        journal.write("create", CREATE["t"], {k: CREATE[k] for k in list(CREATE)[3:]})
    assert [order.order_id for order in read_exchange_record(path).orders] == ["o-1"]
