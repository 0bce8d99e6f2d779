"""Public topics. Each one remembers its last push and makes the next one."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Any

from paper_exchange.server.streams.ticker import ticker_record
from paper_exchange.server.venue.bars import INTERVAL_MINUTES, MONTH, bucket
from paper_exchange.server.venue.tape import FIRST_UPDATE_ID, PublicTrade
from paper_exchange.server.venue.venue import Key, Venue
from paper_exchange.server.wire import dumps, plain
from paper_exchange.types import Category

BOOK_INTERVAL_SECONDS = {1: 0.01, 50: 0.02, 200: 0.1, 1000: 0.2}
QUIET_REPEAT_SECONDS = 3.0
"""Level 1 repeats its snapshot after this time without a push."""
FORCED_LOOK_SECONDS = 0.5
"""The longest time between two looks, because our own impact decays without market events."""
DEEPEST = 1000
"""The depth of the stream with whose update ids the book of REST agrees."""
MAX_TRADES_PER_MESSAGE = 1024


class Topic(ABC):
    """One topic of one category; shared by all its subscribers."""

    interval = 0.1

    def __init__(self, venue: Venue, key: Key, name: str) -> None:
        self.venue = venue
        self.key = key
        self.name = name
        self.due = 0.0

    @abstractmethod
    def snapshot(self, moment: float) -> list[str]:
        """Frames for a new subscriber, consistent with the pushes that follow."""

    @abstractmethod
    def push(self, moment: float) -> list[str]:
        """Frames for all subscribers; called every `interval` seconds."""

    def head(self, kind: str) -> str:
        """The beginning of a frame of this topic, up to its time."""
        return f'{{"topic":"{self.name}","type":"{kind}","ts":{self.venue.now_ms}'


class BookTopic(Topic):
    """Levels as last pushed.

    Deltas are differences to them, so that no client sees an unknown level.
    """

    def __init__(self, venue: Venue, key: Key, name: str, depth: int) -> None:
        super().__init__(venue, key, name)
        self.depth = depth
        self.interval = BOOK_INTERVAL_SECONDS[depth]
        self.update_id = FIRST_UPDATE_ID
        self._bids: dict[int, int] = {}
        self._asks: dict[int, int] = {}
        self._seq = 0
        self._version = -1
        self._begun = False
        self._looked = self._pushed = 0.0
        self._tape = venue.tapes[key]

    def _look(self, moment: float) -> tuple[list[tuple[int, int]], list[tuple[int, int]]] | None:
        tape = self._tape
        if tape.version == self._version and moment - self._looked < FORCED_LOOK_SECONDS:
            return None
        self._version = tape.version
        self._looked = moment
        return self.venue.engine.book(*self.key, self.depth)

    def _adopt(self, bids: list[tuple[int, int]], asks: list[tuple[int, int]]) -> None:
        self._bids, self._asks = dict(bids), dict(asks)
        self._seq = self._tape.seq
        if self.depth == DEEPEST:
            self._tape.number_book()
            self.update_id = self._tape.update_id
        else:
            self.update_id += 1

    def snapshot(self, moment: float) -> list[str]:
        """The frames for a new subscriber: the levels as last pushed."""
        if not self._begun:
            self._begun = True
            self._pushed = moment
            if (levels := self._look(moment)) is not None:
                self._adopt(*levels)
        return [self._frame("snapshot", self._bids.items(), self._asks.items())]

    def push_present(self, moment: float) -> list[str]:
        """As `push`, also where only time has passed since the last look."""
        self._version = -1
        return self.push(moment)

    def push(self, moment: float) -> list[str]:
        """The frames for all subscribers: the changes since the last push."""
        levels = self._look(moment)
        if levels is not None:
            bids, asks = _difference(self._bids, levels[0]), _difference(self._asks, levels[1])
            if bids or asks:
                self._adopt(*levels)
                self._pushed = moment
                if self.depth == 1:
                    return [self._frame("snapshot", self._bids.items(), self._asks.items())]
                return [self._frame("delta", bids, asks)]
        if self.depth == 1 and moment - self._pushed >= QUIET_REPEAT_SECONDS:
            self._pushed = moment
            return [self._frame("snapshot", self._bids.items(), self._asks.items())]
        return []

    def _frame(
        self, kind: str, bids: Iterable[tuple[int, int]], asks: Iterable[tuple[int, int]]
    ) -> str:
        price, qty = self._tape.price_text, self._tape.qty_text
        # Hand-written JSON: all texts are digits and points, and this is the hottest frame.
        b = ",".join(
            [f'["{price(p)}","{qty(q)}"]' if q else f'["{price(p)}","0"]' for p, q in bids]
        )
        a = ",".join(
            [f'["{price(p)}","{qty(q)}"]' if q else f'["{price(p)}","0"]' for p, q in asks]
        )
        return (
            f'{self.head(kind)},"data":{{"s":"{self.key[1]}","b":[{b}],"a":[{a}],'
            f'"u":{self.update_id},"seq":{self._seq}}},"cts":{self.venue.now_ms}}}'
        )


def _difference(old: dict[int, int], new: list[tuple[int, int]]) -> list[tuple[int, int]]:
    kept = {price for price, _ in new}
    gone = [(price, 0) for price in old if price not in kept]
    return gone + [(price, qty) for price, qty in new if old.get(price) != qty]


class TradeTopic(Topic):
    """Pushes trades as they happen. It has no snapshot."""

    interval = 3600.0

    def snapshot(self, moment: float) -> list[str]:  # noqa: ARG002
        """No frame: earlier trades are not repeated."""
        return []

    def push(self, moment: float) -> list[str]:  # noqa: ARG002
        """No frame: trades are pushed as they happen."""
        return []

    def frames(self, trades: list[PublicTrade]) -> list[str]:
        """The frames of these trades."""
        tape = self.venue.tapes[self.key]
        linear = self.key[0] == "linear"
        rows: list[dict[str, Any]] = []
        for trade in trades:
            row: dict[str, Any] = {
                "T": trade.ts_ms,
                "s": self.key[1],
                "S": trade.side,
                "v": tape.qty_text(trade.qty),
                "p": tape.price_text(trade.price),
            }
            if linear:
                row["L"] = trade.tick
            row |= {"i": trade.id, "BT": False, "RPI": False, "seq": trade.seq}
            rows.append(row)
        head = self.head("snapshot")
        return [
            f'{head},"data":{dumps(rows[start : start + MAX_TRADES_PER_MESSAGE])}}}'
            for start in range(0, len(rows), MAX_TRADES_PER_MESSAGE)
        ]


class TickerTopic(Topic):
    """Linear: a snapshot, then deltas of the changed fields. Spot: snapshots only."""

    def __init__(self, venue: Venue, key: Key, name: str) -> None:
        super().__init__(venue, key, name)
        self.interval = 0.05 if key[0] == "spot" else 0.1
        self._last: dict[str, Any] = {}
        self._version = -1

    def snapshot(self, moment: float) -> list[str]:  # noqa: ARG002
        """The frame for a new subscriber: every field as last pushed."""
        if not self._last:
            self._last = ticker_record(self.venue, self.key, full=False)
        return [self._frame("snapshot", self._last)]

    def push(self, moment: float) -> list[str]:  # noqa: ARG002
        """The frame for all subscribers; none while no field has changed."""
        version = self.venue.tapes[self.key].version
        if version == self._version:
            return []
        self._version = version
        record = ticker_record(self.venue, self.key, full=False)
        changed = {name: value for name, value in record.items() if self._last.get(name) != value}
        self._last = record
        if not changed:
            return []
        if self.key[0] == "spot":
            return [self._frame("snapshot", record)]
        return [self._frame("delta", {"symbol": self.key[1], **changed})]

    def _frame(self, kind: str, data: dict[str, Any]) -> str:
        seq = self.venue.tapes[self.key].seq
        return f'{self.head(kind)},"cs":{seq},"data":{dumps(data)}}}'


class KlineTopic(Topic):
    """The running bar every second, and each finished one with `confirm`."""

    interval = 1.0

    def __init__(self, venue: Venue, key: Key, name: str, bar_interval: str) -> None:
        super().__init__(venue, key, name)
        self.bar_interval = bar_interval
        self._open: int | None = None

    def snapshot(self, moment: float) -> list[str]:
        """The frames for a new subscriber: the running bar."""
        return self.push(moment)

    def push(self, moment: float) -> list[str]:  # noqa: ARG002
        """The frames for all subscribers: bars that have finished, and the running one."""
        tape = self.venue.tapes[self.key]
        now = self.venue.now_ms
        tape.roll(now)
        current, _ = bucket(now, self.bar_interval)
        since = current if self._open is None else self._open
        rows = []
        for end, bar in tape.klines(self.bar_interval, since, current):
            row = {"start": bar.start, "end": end, "interval": self.bar_interval}
            row |= tape.bar_fields(bar)
            row |= {"confirm": bar.start < current, "timestamp": now}
            rows.append(row)
        self._open = current
        return [f'{self.head("snapshot")},"data":{dumps([row])}}}' for row in rows]


class PriceLimitTopic(Topic):
    """The price band; has no `type`."""

    interval = 0.3

    def snapshot(self, moment: float) -> list[str]:
        """The frame for a new subscriber."""
        return self.push(moment)

    def push(self, moment: float) -> list[str]:  # noqa: ARG002
        """The frame for all subscribers: the present band."""
        spec = self.venue.specs[self.key]
        highest, lowest = self.venue.engine.price_limit(*self.key)
        data = {
            "symbol": spec.symbol,
            "buyLmt": plain(highest.quantize(spec.tick_size)),
            "sellLmt": plain(lowest.quantize(spec.tick_size)),
        }
        return [f'{{"topic":"{self.name}","data":{dumps(data)},"ts":{self.venue.now_ms}}}']


class SilentTopic(Topic):
    """A documented topic without events here. A client can join it, and it sends nothing."""

    interval = 3600.0

    def snapshot(self, moment: float) -> list[str]:  # noqa: ARG002
        """No frame: nothing ever happens on this topic."""
        return []

    def push(self, moment: float) -> list[str]:  # noqa: ARG002
        """No frame: nothing ever happens on this topic."""
        return []


SILENT_BY_SYMBOL = frozenset({"allLiquidation", "orderbook.rpi"})
SILENT_BY_COIN = frozenset({"adlAlert", "insurance"})


def make_topic(venue: Venue, category: Category, name: str) -> Topic | None:
    """The topic of this name, or None if there is no such topic or instrument."""
    kind, _, rest = name.partition(".")
    if kind in SILENT_BY_COIN and category == "linear":
        return SilentTopic(venue, (category, rest), name)
    middle, dot, symbol = rest.rpartition(".")
    key: Key = (category, symbol if dot else rest)
    if key not in venue.specs:
        return None
    if name.removesuffix(f".{key[1]}") in SILENT_BY_SYMBOL:
        return SilentTopic(venue, key, name)
    if not dot:
        return _simple_topic(venue, key, kind, name)
    if kind == "orderbook" and middle in {str(depth) for depth in BOOK_INTERVAL_SECONDS}:
        return BookTopic(venue, key, name, int(middle))
    if kind == "kline" and (middle in INTERVAL_MINUTES or middle == MONTH):
        return KlineTopic(venue, key, name, middle)
    return None


def _simple_topic(venue: Venue, key: Key, kind: str, name: str) -> Topic | None:
    if kind == "publicTrade":
        return TradeTopic(venue, key, name)
    if kind == "tickers":
        return TickerTopic(venue, key, name)
    if kind == "priceLimit":
        return PriceLimitTopic(venue, key, name)
    return None
