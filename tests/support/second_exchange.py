"""A second exchange, written against the protocols alone and in words of its own.

"Kiosk" has directions instead of sides, stages instead of states, and text where others have codes.
A kiosk is named by the settings' account, so that the exchange and the streams of one account meet.
The two functions at the end are what `bot.exchange.factory` asks of an adapter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from bot.clock import Clock
from bot.errors import ExchangeRefused, OutcomeUnknown
from bot.exchange.protocol import (
    TRADE,
    CashFlow,
    CoinPrice,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    Instrument,
    OrderAck,
    OrderIntent,
    OrderStatus,
    TimeInForce,
    UnreadableFact,
    Wallet,
)
from bot.exchange.streams import OnEvent, OnGap, StreamHealth, StreamState
from bot.market.bars import Bar
from bot.market.frames import MarketFrame
from config.settings import Settings
from models.enums import TradeSide, VenueReason

D = Decimal
DIRECTION = {TradeSide.BUY: "up", TradeSide.SELL: "down"}
SIDE = {word: side for side, word in DIRECTION.items()}
STATUS = {
    "on the shelf": OrderStatus.OPEN,
    "sold": OrderStatus.FILLED,
    "taken back": OrderStatus.CANCELLED,
}
REASON = {
    "": VenueReason.UNSTATED,
    "you asked": VenueReason.REQUESTED,
    "nobody there": VenueReason.NO_LIQUIDITY,
    "your pocket is empty": VenueReason.MARGIN,
    "too dear": VenueReason.PRICE,
    "nothing to give back": VenueReason.NOTHING_TO_REDUCE,
    "we seize it": VenueReason.LIQUIDATION,
    "go away": VenueReason.ACCOUNT,
}


@dataclass
class Slip:
    """An order as the kiosk keeps it."""

    number: str
    tag: str
    market: str
    direction: str
    amount: Decimal
    price: Decimal
    giving_back: bool
    written_at: datetime
    sold: Decimal = field(default_factory=Decimal)
    stage: str = "on the shelf"
    why: str = ""


@dataclass
class Sale:
    number: str
    slip: Slip
    amount: Decimal
    price: Decimal
    at: datetime
    why: str = ""


@dataclass
class Kiosk:
    """The venue itself; tests play the other side of the trade."""

    slips: dict[str, Slip] = field(default_factory=dict)
    sales: list[Sale] = field(default_factory=list)
    asked: list[Mapping[str, object]] = field(default_factory=list)
    no: list[str] = field(default_factory=list)
    """Its answers to the next orders, in its words."""
    answers: bool = True
    """It says that it took an order."""
    streams: list["KioskStream"] = field(default_factory=list)
    numbers: Any = field(default_factory=lambda: count(1))

    def sell(self, tag: str, share: str = "1", *, at: datetime, streamed: bool) -> None:
        """Somebody takes this share of what is left of an order."""
        slip = self.slips[tag]
        amount = (slip.amount - slip.sold) * D(share)
        slip.sold += amount
        slip.stage = "sold" if slip.sold == slip.amount else slip.stage
        self.sales.append(Sale(f"sale-{next(self.numbers)}", slip, amount, slip.price, at))
        if streamed:
            self.tell(execution(self.sales[-1]))
            self.tell(order(slip))

    def end(self, tag: str, why: str) -> None:
        """The kiosk takes an order back and tells the stream."""
        self.slips[tag].stage, self.slips[tag].why = "taken back", why
        self.tell(order(self.slips[tag]))

    def tell(self, event: Any) -> None:
        for stream in self.streams:
            if stream.state is StreamState.LIVE:
                stream.hear(event)


KIOSKS: dict[str, Kiosk] = {}


def order(slip: Slip) -> ExchangeOrder:
    return ExchangeOrder(
        order_id=slip.number,
        order_link_id=slip.tag,
        symbol=slip.market,
        side=SIDE[slip.direction],
        qty=slip.amount,
        price=slip.price,
        status=STATUS[slip.stage],
        raw_status=slip.stage,
        filled_qty=slip.sold,
        average_price=slip.price if slip.sold else None,
        reduce_only=slip.giving_back,
        updated_at=slip.written_at,
        created_at=slip.written_at,
        reason=REASON[slip.why],
        words=slip.why,
    )


def execution(sale: Sale) -> Execution:
    return Execution(
        exec_id=sale.number,
        order_id=sale.slip.number,
        order_link_id=sale.slip.tag,
        symbol=sale.slip.market,
        side=SIDE[sale.slip.direction],
        qty=sale.amount,
        price=sale.price,
        fee=D("0.1"),
        fee_currency="USDT",
        is_maker=True,
        exec_type=TRADE,
        executed_at=sale.at,
        venue_act=REASON[sale.why] if sale.why else None,
    )


@dataclass
class KioskExchange:
    """The `Exchange` protocol at one kiosk."""

    kiosk: Kiosk
    clock: Clock
    recv_window_ms: int = 2000

    def close(self) -> None:
        """It holds no connection."""

    def order_body(self, intent: OrderIntent) -> dict[str, object]:
        return {
            "market": intent.symbol,
            "direction": DIRECTION[intent.side],
            "qty": format(intent.qty.normalize(), "f"),
            "price": None if intent.price is None else format(intent.price.normalize(), "f"),
            "giving back": intent.reduce_only,
            "stays": intent.time_in_force is not TimeInForce.IOC,
            "tag": intent.order_link_id,
        }

    def place(self, body: Mapping[str, object], *, as_of: datetime | None = None) -> OrderAck:
        self.kiosk.asked.append(body)
        if self.kiosk.no:
            why = self.kiosk.no.pop(0)
            raise ExchangeRefused(None, why, reason=REASON[why])
        tag = str(body["tag"])
        slip = Slip(
            number=f"slip-{next(self.kiosk.numbers)}",
            tag=tag,
            market=str(body["market"]),
            direction=str(body["direction"]),
            amount=D(str(body["qty"])),
            price=D(str(body["price"])),
            giving_back=bool(body["giving back"]),
            written_at=self.clock.now(),
        )
        assert tag not in self.kiosk.slips
        self.kiosk.slips[tag] = slip
        if not self.kiosk.answers:
            raise OutcomeUnknown("the window was shut")
        return OrderAck(slip.number, tag)

    def cancel(self, symbol: str, order_link_id: str) -> None:
        slip = self.kiosk.slips.get(order_link_id)
        if slip is not None and slip.stage == "on the shelf":
            slip.stage, slip.why = "taken back", "you asked"

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        tags = [found.order_link_id for found in self.open_orders()]
        for tag in tags:
            self.cancel("", tag)
        return tags

    def is_unexpected(self, ret_code: int) -> bool:
        return True  # it has no codes

    def find_order(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        slip = self.kiosk.slips.get(order_link_id)
        return None if slip is None else order(slip)

    def open_orders(self) -> Sequence[ExchangeOrder]:
        return [order(s) for s in self.kiosk.slips.values() if s.stage == "on the shelf"]

    def executions(
        self, *, since: datetime | None = None, order_link_id: str | None = None
    ) -> Sequence[Execution]:
        found = [execution(sale) for sale in self.kiosk.sales]
        return [each for each in found if order_link_id in (None, each.order_link_id)]

    def positions(self) -> Sequence[ExchangePosition]:
        net: dict[str, Decimal] = {}
        for each in self.executions():
            net[each.symbol] = net.get(each.symbol, D(0)) + each.qty * each.side.sign
        return [
            ExchangePosition(symbol, qty, D(65_000), D(65_000), D(0), None, None)
            for symbol, qty in net.items()
            if qty
        ]

    def covers(self, symbol: str) -> bool:
        return True

    def take_unreadable(self) -> Sequence[UnreadableFact]:
        return ()

    def wallet(self) -> Wallet:
        return Wallet(D(100_000), D(100_000), D(90_000), D(0), D(0), D(0))

    def cash_flows(self, *, since: datetime) -> Sequence[CashFlow]:
        return ()

    def coin_price(self, coin: str, at: datetime) -> CoinPrice | None:
        return CoinPrice(D(1), "kiosk") if coin == "USDT" else None

    def instruments(self) -> Sequence[Instrument]:
        return [INSTRUMENT]

    def marks(self) -> Mapping[str, Decimal]:
        return {INSTRUMENT.symbol: D(65_000)}

    def minute_closes(self, symbol: str, *, count: int) -> Sequence[tuple[datetime, Decimal]]:
        now = self.clock.now()
        return [(now - timedelta(minutes=i), D(65_000 + i % 7)) for i in range(count, 0, -1)]

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        return ()

    def server_time(self) -> datetime:
        return self.clock.now()

    def account_uid(self) -> str:
        return "counter 7"

    def is_ready(self, symbols: Sequence[str] = ()) -> None:
        """Always."""


INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    category="kiosk",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D(100),
    max_market_qty=D(100),
    min_notional=D(5),
    max_leverage=D(100),
    status="Trading",
)


@dataclass
class KioskStream:
    """A `Stream` whose events come when the kiosk tells them."""

    name: str
    on_event: OnEvent
    on_gap: OnGap
    state: StreamState = StreamState.WAITING
    renewed: list[str] = field(default_factory=list)
    frames: int = 0

    def start(self) -> None:
        self.on_gap("first connection")
        self.state = StreamState.LIVE

    def stop(self) -> None:
        self.state = StreamState.STOPPED

    def hear(self, event: Any) -> None:
        self.frames += 1
        self.on_event(replace(event))

    def renew_book(self, symbol: str) -> None:
        self.renewed.append(symbol)

    def health(self) -> StreamHealth:
        return StreamHealth(self.name, self.state, 1, 0, self.frames, 0, 0.0, None)


@dataclass
class KioskStreams:
    """The `Streams` protocol at one kiosk."""

    kiosk: Kiosk
    market: list[MarketFrame] = field(default_factory=list)

    def public(self, symbols: tuple[str, ...], *, on_event: OnEvent, on_gap: OnGap) -> KioskStream:
        return KioskStream("public", on_event, on_gap)

    def private(self, *, on_event: OnEvent, on_gap: OnGap) -> KioskStream:
        stream = KioskStream("private", on_event, on_gap)
        self.kiosk.streams.append(stream)
        return stream


def kiosk_of(account: str) -> Kiosk:
    return KIOSKS.setdefault(account, Kiosk())


def exchange(settings: Settings, clock: Clock) -> KioskExchange:
    return KioskExchange(kiosk_of(settings.account), clock)


def streams(settings: Settings) -> KioskStreams:
    return KioskStreams(kiosk_of(settings.account))
