"""Private streams: turns the engine's events into frames for the sockets of each account."""

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from paper_exchange.server.faults import hiding
from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.wire import dumps
from paper_exchange.types import PrivateEvent

if TYPE_CHECKING:
    from paper_exchange.server.streams.sockets import Connection

CATEGORISED = ("order", "execution", "position", "execution.fast")
PRIVATE_TOPICS = frozenset(
    {"order", "execution", "position", "wallet", "greeks", "execution.fast"}
    | {f"{topic}.{category}" for topic in CATEGORISED for category in ("linear", "spot")}
    | {f"{topic}.{category}" for topic in CATEGORISED for category in ("inverse", "option")}
    | {"dcp.future", "dcp.spot", "dcp.option"}
)
_FAST_FIELDS = (
    "symbol",
    "orderId",
    "isMaker",
    "orderLinkId",
    "execId",
    "execPrice",
    "execQty",
    "side",
    "execTime",
    "seq",
)


class PrivateHub:
    """Knows the sockets of each account. A socket gets no messages from before it joined."""

    def __init__(self, faults: FaultBoard) -> None:
        self._faults = faults
        self._sockets: dict[str, set[Connection]] = defaultdict(set)
        self._ids = itertools.count(1)
        self._held: dict[str, list[tuple[str, str | None, str]]] = defaultdict(list)

    def join(self, uid: str, connection: "Connection") -> None:
        """Lets a socket hear its account."""
        self._sockets[uid].add(connection)

    def leave(self, uid: str, connection: "Connection") -> None:
        """Lets a socket hear its account no more."""
        self._sockets[uid].discard(connection)

    def sockets(self, uid: str | None = None) -> list["Connection"]:
        """The sockets of one account, or of all."""
        if uid is not None:
            return list(self._sockets[uid])
        return [connection for group in self._sockets.values() for connection in group]

    def publish(self, events: Sequence[PrivateEvent]) -> None:
        """Sends events to the sockets.

        Neighbouring rows of one topic travel in one message, as on Bybit.
        """
        start = 0
        while start < len(events):
            first = events[start]
            end = start + 1
            while end < len(events) and _same_message(first, events[end]):
                end += 1
            rows = self._known(first.topic, [event.data for event in events[start:end]])
            if rows and self._sockets.get(first.uid):
                self._message(first, rows)
            start = end

    def _known(self, topic: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The rows that the exchange still knows. No stream shows a forgotten order."""
        if topic not in ("order", "execution"):
            return rows
        return hiding.remembered(self._faults, rows)

    def _message(self, first: PrivateEvent, rows: Sequence[Mapping[str, Any]]) -> None:
        if first.topic == "execution":
            fast = [_fast(row, first.category) for row in rows if row["execType"] == "Trade"]
            if fast:
                self._emit(first, "execution.fast", fast)
            self._executions(first, rows)
            return
        self._emit(first, first.topic, rows)
        if first.topic == "order":
            self._double_filled(first, rows)

    def _executions(self, first: PrivateEvent, rows: Sequence[Mapping[str, Any]]) -> None:
        self._emit(first, "execution", rows)
        if self._faults.strike_named("stream", "duplicate_execution", "execution"):
            self._emit(first, "execution", rows)
        crash = any(row["leavesQty"] not in ("0", "") for row in rows)
        if crash and (
            fault := self._faults.strike_named("stream", "crash_after_partial_fill", "execution")
        ):
            self._crash(fault.options["seconds"])

    def _double_filled(self, first: PrivateEvent, rows: Sequence[Mapping[str, Any]]) -> None:
        """Sends a Filled record again, as for a cancel that came too late, if the fault is on."""
        for row in rows:
            if row["orderStatus"] == "Filled" and self._faults.strike_named(
                "stream", "double_filled", "order"
            ):
                again = {
                    **row,
                    "cancelType": "CancelByUser",
                    "rejectReason": "EC_OrigClOrdIDDoesNotExist",
                }
                self._emit(first, "order", [again])

    def _emit(self, first: PrivateEvent, topic: str, rows: Sequence[Mapping[str, Any]]) -> None:
        body = dumps(rows)
        if self._faults.strike_named("stream", "stream_gap", topic):
            return
        message = (topic, first.category, f'"creationTime":{first.ts_ms},"data":{body}}}')
        if topic == "execution" and self._faults.strike_named("stream", "late_execution", topic):
            self._held[first.uid].append(message)
            return
        delay = self._faults.strike_named("stream", "stream_delay", topic)
        if delay is not None:
            seconds = delay.options["ms"] / 1000
            asyncio.get_running_loop().call_later(seconds, self._send, first.uid, message)
            return
        self._send(first.uid, message)
        if topic != "execution.fast":
            for held in self._held.pop(first.uid, ()):
                self._send(first.uid, held)

    def _send(self, uid: str, message: tuple[str, str | None, str]) -> None:
        topic, category, rest = message
        own = f"{topic}.{category}" if topic in CATEGORISED else None
        for connection in self._sockets[uid]:
            for name in (topic, own):
                if name is not None and name in connection.topics:
                    ident = f"{uid}_{next(self._ids)}"
                    connection.send(f'{{"id":"{ident}","topic":"{name}",{rest}')

    def _crash(self, seconds: float) -> None:
        """Takes the exchange away for a while: it has no sockets and gives no answers."""
        for name in ("ws_refuse", "connect_refuse"):
            fault = self._faults.add(name)
            asyncio.get_running_loop().call_later(seconds, self._faults.remove, str(fault.id))
        for connection in self.sockets():
            connection.abort()


def _same_message(a: PrivateEvent, b: PrivateEvent) -> bool:
    return a.uid == b.uid and a.topic == b.topic and a.category == b.category


def _fast(row: Mapping[str, Any], category: str | None) -> dict[str, Any]:
    """A row of execution.fast. It never tells a maker its orderLinkId."""
    fast = {"category": category, **{name: row.get(name, "") for name in _FAST_FIELDS}}
    if row["isMaker"]:
        fast["orderLinkId"] = ""
    return fast
