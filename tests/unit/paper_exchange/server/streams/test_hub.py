import json
from typing import Any

from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.streams.hub import PrivateHub
from paper_exchange.types import PrivateEvent


class Listener:
    """Stands where a socket would be and keeps its frames."""

    def __init__(self, *topics: str) -> None:
        self.topics = set(topics)
        self.frames: list[dict[str, Any]] = []

    def send(self, text: str) -> None:
        self.frames.append(json.loads(text))


def execution(ident: str, *, maker: bool = False, kind: str = "Trade") -> PrivateEvent:
    row = {
        "symbol": "XUSDT",
        "orderId": "o",
        "orderLinkId": "mine",
        "execId": ident,
        "execType": kind,
        "isMaker": maker,
        "leavesQty": "0",
        "execFee": "1",
        "seq": 4,
    }
    return PrivateEvent("u", "execution", "linear", 7, row)


def order(status: str) -> PrivateEvent:
    row = {"symbol": "XUSDT", "orderId": "o", "orderStatus": status, "cancelType": "UNKNOWN"}
    return PrivateEvent("u", "order", "linear", 7, row)


def joined(*topics: str) -> tuple[PrivateHub, Listener]:
    hub, listener = PrivateHub(FaultBoard()), Listener(*topics)
    hub.join("u", listener)  # type: ignore[arg-type]
    return hub, listener


def test_neighbouring_rows_share_a_message_and_fast_executions_come_first() -> None:
    hub, listener = joined("execution", "execution.fast", "order")
    hub.publish([execution("a"), execution("b"), order("Filled")])
    told = [(f["topic"], len(f["data"])) for f in listener.frames]
    assert told == [("execution.fast", 2), ("execution", 2), ("order", 1)]
    assert [f["creationTime"] for f in listener.frames] == [7, 7, 7]
    assert len({f["id"] for f in listener.frames}) == 3


def test_fast_executions_hide_a_makers_link_and_anything_but_trades() -> None:
    hub, listener = joined("execution.fast")
    hub.publish([execution("a", maker=True), execution("b", kind="Funding")])
    (frame,) = listener.frames
    (row,) = frame["data"]
    assert (row["execId"], row["orderLinkId"], row["category"]) == ("a", "", "linear")
    assert "execFee" not in row


def test_a_stranger_hears_nothing_and_a_category_only_its_own() -> None:
    hub, listener = joined("order.linear", "execution.spot")
    hub.publish([execution("a"), order("New")])
    assert [f["topic"] for f in listener.frames] == ["order.linear"]
    other = Listener("order")
    hub.join("v", other)  # type: ignore[arg-type]
    hub.publish([order("New")])
    assert not other.frames
