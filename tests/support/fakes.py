"""An exchange in memory with scripted faults, and the other ends that execution needs."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from bot.clock import FixedClock
from bot.errors import ExchangeRefused, MlriskError, Refused
from bot.exchange.bybit import body as bodies
from bot.exchange.protocol import (
    HEDGE_MODE,
    TRADE,
    CancelOutcome,
    CashFlow,
    CoinPrice,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    Instrument,
    OrderAck,
    OrderIntent,
    StopIntent,
    UnreadableFact,
    Wallet,
)
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.sending import trading_rules
from bot.market.bars import Bar
from bot.market.reading import MarketReading
from bot.market.volume.store import UnreadableModel
from bot.risk.limits import RiskLimits
from bot.risk.snapshot import MarketView
from models.database import Database
from models.enums import (
    OrderStatus,
    TradeSide,
    VenueReason,
)
from models.repositories import portfolio
from models.repositories.safety import bases
from models.tables import AccountFitnessRow
from tests.support.accounts.leases import grant_lease

T0 = datetime(2026, 11, 23, 12, tzinfo=UTC)
D = Decimal
PRICE = D("65000")


@dataclass
class FakeExchange:
    """Fills IOC orders at once up to `fill_share`; `faults` are raised by the next posts.

    A fault is (error, takes effect): the order may exist although the caller hears an error.
    """

    clock: FixedClock
    fill_share: Decimal = Decimal(1)
    faults: list[tuple[MlriskError, bool]] = field(default_factory=list)
    accepted: list[Mapping[str, object]] = field(default_factory=list)
    accepted_at: dict[str, datetime] = field(default_factory=dict)
    posts: int = 0
    orders: dict[str, ExchangeOrder] = field(default_factory=dict)
    fills: list[Execution] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    cancel_requests: list[str] = field(default_factory=list)
    cancel_faults: list[tuple[MlriskError | None, bool]] = field(default_factory=list)
    visible: bool = True
    before_post: Callable[[], None] | None = None
    recv_window_ms: int = 5000
    adding_window_ms: int = 2000
    max_clock_offset_ms: int = 400
    min_notional: Decimal = Decimal(5)
    uid: str = "10000001"
    instrument: Instrument | None = None
    """Other trading rules than the usual ones."""
    cash: list[CashFlow] = field(default_factory=list)
    prices: dict[str, Decimal] = field(default_factory=dict)
    """What coins are worth; the others have no market."""
    price_faults: list[MlriskError] = field(default_factory=list)
    """Raised by the next questions for a price."""
    prices_asked: list[tuple[str, datetime]] = field(default_factory=list)
    hedged: bool = False
    clock_offset: timedelta = timedelta()
    """The exchange's clock minus ours."""
    reply_takes: timedelta = timedelta()
    """How long the way of the answer to a question for the time takes."""
    """In hedge mode: orders without a position index are refused, positions are no net."""
    unfit: str | None = None
    """What is wrong with its key, if anything."""
    unreadable: list[UnreadableFact] = field(default_factory=list)
    of_another_coin: set[str] = field(default_factory=set)
    unexpected: set[int] = field(default_factory=set)
    """Answers that no order should ever get."""
    _ids: Any = field(default_factory=lambda: count(1))

    touch: Decimal = PRICE
    """Where IOC orders fill; a resting order fills when a test says so (`fill`)."""

    def order_body(self, intent: OrderIntent) -> dict[str, object]:
        return {
            "timeInForce": intent.time_in_force.value,
            "symbol": intent.symbol,
            "side": intent.side.value,
            "qty": "0" if intent.closes_position else bodies.plain(intent.qty),
            "closeOnTrigger": intent.closes_position,
            "price": None if intent.price is None else bodies.plain(intent.price),
            "orderLinkId": intent.order_link_id,
            "reduceOnly": intent.reduce_only,
        }

    def stop_body(self, intent: StopIntent) -> dict[str, object]:
        return {
            "timeInForce": "IOC",
            "symbol": intent.symbol,
            "side": intent.side.value,
            "qty": "0",
            "closeOnTrigger": True,
            "price": None,
            "triggerPrice": bodies.plain(intent.trigger_price),
            "orderLinkId": intent.order_link_id,
            "reduceOnly": True,
        }

    def place(self, body: Mapping[str, object], *, as_of: datetime | None = None) -> OrderAck:
        """Refuses numbers that aren't in their shortest form and orders under the minimum notional,
        as Bybit does."""
        self.posts += 1
        for name in ("qty", "price"):
            value = body[name]
            if value not in (None, "0") and value != bodies.plain(D(str(value))):
                raise ExchangeRefused(10001, f"{name} invalid: {value}")
        price, qty = body["price"], D(str(body["qty"]))
        if not (body["closeOnTrigger"] and body["reduceOnly"]):
            self._check_size(qty)
        worth = self.min_notional if price is None else D(str(price)) * qty
        if worth < self.min_notional and not body["reduceOnly"]:
            raise ExchangeRefused(110094, "Order does not meet minimum order value")
        if price is not None:
            self._check_band(TradeSide(str(body["side"])), D(str(price)))
        if self.before_post is not None:
            self.before_post()
        if self.hedged:
            raise ExchangeRefused(
                10001, "position idx not match position mode", reason=VenueReason.ACCOUNT
            )
        error, effect = self.faults.pop(0) if self.faults else (None, True)
        if effect:
            self._take(body)
        if error is not None:
            raise error
        link = str(body["orderLinkId"])
        return OrderAck(self.orders[link].order_id, link)

    def _check_size(self, qty: Decimal) -> None:
        rules = self.instrument or INSTRUMENT
        if qty < rules.min_qty:
            text = "The number of contracts exceeds minimum limit allowed"
            raise ExchangeRefused(10001, text)

    def _whole(self, symbol: str, side: TradeSide) -> Decimal:
        """What an order of quantity 0 closes."""
        net = sum((p.qty for p in self.positions() if p.symbol == symbol), D(0))
        if -net * side.sign <= 0:
            raise ExchangeRefused(
                110017, "current position is zero", reason=VenueReason.NOTHING_TO_REDUCE
            )
        return abs(net)

    def _check_band(self, side: TradeSide, price: Decimal) -> None:
        """Refuses what lies beyond the price band, as an account that forbids re-pricing has it;
        mark and index are the touch."""
        rules = self.instrument or INSTRUMENT
        if rules.price_limit_x is None:
            return
        bound = self.touch * (1 + side.sign * rules.price_limit_x)
        if (price - bound) * side.sign > 0:
            code = 110121 if side is TradeSide.BUY else 110120
            raise ExchangeRefused(
                code, f"price {price} is beyond the band", reason=VenueReason.PRICE
            )

    def _take(self, body: Mapping[str, object]) -> None:
        link = str(body["orderLinkId"])
        assert link not in self.orders, f"order id used twice: {link}"
        side = TradeSide(str(body["side"]))
        qty = D(str(body["qty"])) or self._whole(str(body["symbol"]), side)
        self.accepted.append(body)
        self.accepted_at[link] = self.clock.now()
        body = {**body, "qty": str(qty)}
        number = next(self._ids)
        if "triggerPrice" in body:
            order = self._order(number, body, OrderStatus.OPEN, "Untriggered", D(0))
            self.orders[link] = replace(order, trigger_price=D(str(body["triggerPrice"])))
            return
        if body["timeInForce"] != "IOC":
            self.orders[link] = self._order(number, body, OrderStatus.OPEN, "New", D(0))
            return
        filled = (qty * self.fill_share).quantize(D("0.001"))
        status = OrderStatus.FILLED if filled == qty else OrderStatus.CANCELLED
        raw = "Filled" if filled == qty else "Cancelled"
        self.orders[link] = self._order(number, body, status, raw, filled)
        if filled:
            self._execute(link, side, filled, self.touch, maker=False)

    def _order(
        self,
        number: int,
        body: Mapping[str, object],
        status: OrderStatus,
        raw: str,
        filled: Decimal,
    ) -> ExchangeOrder:
        return ExchangeOrder(
            order_id=f"o-{number}",
            order_link_id=str(body["orderLinkId"]),
            symbol=str(body["symbol"]),
            side=TradeSide(str(body["side"])),
            qty=D(str(body["qty"])),
            price=None if body["price"] is None else D(str(body["price"])),
            status=status,
            raw_status=raw,
            filled_qty=filled,
            average_price=self.touch,
            reduce_only=bool(body["reduceOnly"]),
            updated_at=self.clock.now(),
            created_at=self.clock.now(),
        )

    def somebody_elses(
        self,
        link: str,
        *,
        side: TradeSide,
        qty: Decimal,
        symbol: str = "BTCUSDT",
        price: Decimal = PRICE,
        status: OrderStatus = OrderStatus.FILLED,
        age: timedelta = timedelta(0),
    ) -> ExchangeOrder:
        """An order that we never sent, under an id of ours; filled ones have their execution."""
        self.orders[link] = ExchangeOrder(
            order_id=f"not-ours-{next(self._ids)}",
            order_link_id=link,
            symbol=symbol,
            side=side,
            qty=qty,
            price=price,
            status=status,
            raw_status="Filled" if status is OrderStatus.FILLED else "New",
            filled_qty=qty if status is OrderStatus.FILLED else D(0),
            average_price=price,
            reduce_only=False,
            updated_at=self.clock.now() - age,
            created_at=self.clock.now() - age,
        )
        if status is OrderStatus.FILLED:
            self._execute(link, side, qty, price, maker=False)
            self.fills[-1] = replace(self.fills[-1], executed_at=self.clock.now() - age)
        return self.orders[link]

    def _execute(
        self, link: str, side: TradeSide, qty: Decimal, price: Decimal, *, maker: bool
    ) -> None:
        order = self.orders[link]
        self.fills.append(
            Execution(
                exec_id=f"e-{next(self._ids)}",
                order_id=order.order_id,
                order_link_id=link,
                symbol=order.symbol,
                side=side,
                qty=qty,
                price=price,
                fee=qty * price * D("0.00055"),
                fee_currency="USDT",
                is_maker=maker,
                exec_type=TRADE,
                executed_at=self.clock.now(),
            )
        )

    def fill(self, link: str, qty: Decimal | None = None) -> Decimal:
        """Somebody trades against a resting order; returns what filled."""
        order = self.orders[link]
        assert order.status is OrderStatus.OPEN
        assert order.price is not None
        part = (
            order.qty - order.filled_qty if qty is None else min(qty, order.qty - order.filled_qty)
        )
        filled = order.filled_qty + part
        done = filled == order.qty
        self.orders[link] = replace(
            order,
            filled_qty=filled,
            status=OrderStatus.FILLED if done else OrderStatus.OPEN,
            raw_status="Filled" if done else "PartiallyFilled",
        )
        if part:
            self._execute(link, order.side, part, order.price, maker=True)
        return part

    def end(self, link: str, *, reason: VenueReason = VenueReason.UNSTATED) -> None:
        """The venue ends a resting order of its own accord."""
        self.orders[link] = replace(
            self.orders[link],
            status=OrderStatus.CANCELLED,
            raw_status="Cancelled",
            reason=reason,
        )

    def reopen(self, link: str) -> None:
        """What looked ended was not: the venue's record was wrong."""
        self.orders[link] = replace(self.orders[link], status=OrderStatus.OPEN, raw_status="New")

    def cancel(self, symbol: str, order_link_id: str) -> CancelOutcome:
        self.cancel_requests.append(order_link_id)
        error, effect = self.cancel_faults.pop(0) if self.cancel_faults else (None, True)
        order = self.orders.get(order_link_id)
        is_gone = order is None or order.status is not OrderStatus.OPEN
        if effect and order is not None and order.status is OrderStatus.OPEN:
            self.orders[order_link_id] = replace(
                order,
                status=OrderStatus.CANCELLED,
                raw_status="Cancelled",
                reason=VenueReason.REQUESTED,
            )
        if error is not None:
            raise error
        return CancelOutcome.GONE if is_gone else CancelOutcome.TAKEN

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        found = [o for o in self.open_orders() if symbol in (None, o.symbol)]
        ids = [order.order_link_id for order in found]
        error, effect = self.cancel_faults.pop(0) if self.cancel_faults else (None, True)
        for link in ids if effect else ():
            self.orders[link] = replace(self.orders[link], status=OrderStatus.CANCELLED)
            self.cancelled.append(link)
        if error is not None:
            raise error
        return ids

    def is_unexpected(self, ret_code: int) -> bool:
        return ret_code in self.unexpected

    def find_order(self, symbol: str, order_link_id: str) -> ExchangeOrder | None:
        return self.orders.get(order_link_id) if self.visible else None

    def open_orders(self) -> Sequence[ExchangeOrder]:
        return [o for o in self._resting() if o.raw_status != "Untriggered"]

    def conditional_orders(self) -> Sequence[ExchangeOrder]:
        waiting = [o for o in self._resting() if o.raw_status == "Untriggered"]
        return waiting if self.visible else []

    def _resting(self) -> Sequence[ExchangeOrder]:
        return [o for o in self.orders.values() if o.status is OrderStatus.OPEN]

    def trigger(self, link: str) -> None:
        """The mark reaches a stop, which closes its position at the touch."""
        order = self.orders[link]
        qty = self._whole(order.symbol, order.side)
        self.orders[link] = replace(
            order, status=OrderStatus.FILLED, raw_status="Filled", filled_qty=qty
        )
        self._execute(link, order.side, qty, self.touch, maker=False)

    def executions(
        self, *, since: datetime | None = None, order_link_id: str | None = None
    ) -> Sequence[Execution]:
        return [f for f in self.fills if order_link_id in (None, f.order_link_id)]

    def positions(self) -> Sequence[ExchangePosition]:
        if self.hedged and self.fills:
            raise Refused("the account is in hedge mode", code=HEDGE_MODE)
        net: dict[str, Decimal] = {}
        for fill in self.fills:
            net[fill.symbol] = net.get(fill.symbol, D(0)) + fill.qty * fill.side.sign
        return [
            ExchangePosition(symbol, qty, PRICE, self.touch, D(0), None, None)
            for symbol, qty in net.items()
            if qty
        ]

    def marks(self) -> Mapping[str, Decimal]:
        return {INSTRUMENT.symbol: self.touch}

    def covers(self, symbol: str) -> bool:
        return symbol not in self.of_another_coin

    def take_unreadable(self) -> Sequence[UnreadableFact]:
        found, self.unreadable = self.unreadable, []
        return found

    def wallet(self) -> Wallet:
        return Wallet(D(100_000), D(100_000), D(90_000), D(0), D(0), D(0))

    def cash_flows(self, *, since: datetime) -> Sequence[CashFlow]:
        return [flow for flow in self.cash if flow.at >= since]

    def coin_price(self, coin: str, at: datetime) -> CoinPrice | None:
        self.prices_asked.append((coin, at))
        if self.price_faults:
            raise self.price_faults.pop(0)
        return CoinPrice(self.prices[coin], f"fake {coin}USDT") if coin in self.prices else None

    def transfer(self, amount: Decimal, currency: str = "USDT") -> None:
        """Money comes or leaves: the wallet and the log both show it."""
        number = next(self._ids)
        self.cash.append(CashFlow(f"t-{number}", "TRANSFER_IN", currency, amount, self.clock.now()))

    def close(self) -> None:
        """As the adapter: commands end with it."""

    def instruments(self) -> Sequence[Instrument]:
        return [self.instrument or INSTRUMENT]

    def minute_closes(self, symbol: str, *, count: int) -> Sequence[tuple[datetime, Decimal]]:
        return []

    def minute_bars(self, symbol: str, start: datetime, end: datetime) -> Sequence[Bar]:
        return []

    def server_time(self) -> datetime:
        theirs = self.clock.now() + self.clock_offset
        if self.reply_takes:
            self.clock.move_to(self.clock.now() + self.reply_takes)
        return theirs

    def account_uid(self) -> str:
        return self.uid

    def is_ready(self, symbols: Sequence[str] = ()) -> None:
        if self.hedged:
            raise Refused("the account is in hedge mode", code=HEDGE_MODE)
        if self.unfit is not None:
            raise Refused(self.unfit, code="api_key")


INSTRUMENT = Instrument(
    symbol="BTCUSDT",
    category="linear",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_qty=D("0.001"),
    max_qty=D("100"),
    max_market_qty=D("100"),
    min_notional=D("5"),
    max_leverage=D("100"),
    status="Trading",
)


OTHERS = ("ETHUSDT", "SOLUSDT")
"""What a test may hold beside the traded symbol."""


@dataclass
class FakeMarket:
    """A fresh, calm market of BTCUSDT; `away` makes the cache empty."""

    clock: FixedClock
    away: bool = False
    age_seconds: float = 0.1
    touch: Decimal = PRICE
    """The best ask; the bid is a tick below."""
    traded_per_second: Decimal = Decimal(10)
    feed_restarted_at: datetime = T0 - timedelta(hours=1)
    volatility: float = 0.02
    ask_depth: Decimal = Decimal(5_000_000)

    def get(self, symbol: str) -> MarketView | None:
        if self.away:
            return None
        return MarketView(
            symbol=symbol,
            as_of=self.clock.now() - timedelta(seconds=self.age_seconds),
            bid=self.touch - D("0.1"),
            ask=self.touch,
            last=self.touch,
            mark=self.touch,
            index=self.touch,
            bids=tuple((self.touch - D("0.1") * i, D(5)) for i in range(1, 20)),
            asks=tuple((self.touch + D("0.1") * i, D(5)) for i in range(20)),
            bid_depth=D(5_000_000),
            ask_depth=self.ask_depth,
            volatility=self.volatility,
            volatility_baseline=0.02,
            volume_24h=D(8_000_000_000),
            funding_rate=0.0001,
            traded_qty=self.traded_per_second * self._seconds_of_feed(),
            traded_since=self.feed_restarted_at,
        )

    def read(self, symbol: str) -> MarketReading:
        return MarketReading(self.get(symbol), {} if self.away else dict.fromkeys(OTHERS, PRICE))

    def _seconds_of_feed(self) -> Decimal:
        return Decimal(str((self.clock.now() - self.feed_restarted_at).total_seconds()))


@dataclass
class FakeLimits:
    value: RiskLimits = field(default_factory=RiskLimits)

    def limits(self) -> RiskLimits:
        return self.value

    def last_known(self) -> RiskLimits:
        return self.value

    def change(self, **changes: Any) -> None:
        self.value = replace(self.value, **changes)


@dataclass
class FreeRateLimiter:
    """Room for every order, unless a test takes it away for a number of seconds."""

    wait_seconds: float = 0.0
    cancel_wait_seconds: float = 0.0
    throttles: list[float] = field(default_factory=list)
    cancel_throttles: list[float] = field(default_factory=list)

    def take(self, account: str, *, order: str, is_exit: bool) -> float:
        return self.wait_seconds

    def take_cancel(self, account: str) -> float:
        return self.cancel_wait_seconds

    def throttled(self, account: str, seconds: float, *, cancels: bool = False) -> None:
        (self.cancel_throttles if cancels else self.throttles).append(seconds)


@dataclass
class FakeForecasts:
    """No model unless a test gives a forecast."""

    answer: VolumeForecast | None = None

    def forecast(
        self, symbol: str, *, model: str, start_at: datetime, deadline_at: datetime, now: datetime
    ) -> VolumeForecast:
        if self.answer is None:
            raise UnreadableModel("no model: run `mlrisk volume train`")
        return self.answer


@dataclass
class RecordedTaskQueue:
    children: list[tuple[int, datetime]] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)
    parents: list[tuple[str, datetime]] = field(default_factory=list)
    urgent: list[int | str] = field(default_factory=list)
    reducing: list[int | str] = field(default_factory=list)
    looks: int = 0
    """How often a look at the breakers was asked for."""

    def child(
        self, child_id: int, due_at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        self.children.append((child_id, due_at))
        self.urgent += [child_id] * urgent
        self.reducing += [child_id] * reduces

    def parent(
        self, request_id: str, at: datetime, *, urgent: bool = False, reduces: bool = False
    ) -> None:
        self.parents.append((request_id, at))
        self.urgent += [request_id] * urgent
        self.reducing += [request_id] * reduces

    def request(self, request_id: str) -> None:
        self.requests.append(request_id)

    def breakers(self) -> None:
        self.looks += 1


def prepare(db: Database, exchange: FakeExchange, account: str, now: datetime) -> None:
    """What the feed does at its start: account, trading rules, a first wallet reading."""
    wallet = exchange.wallet()
    with db.transaction() as session:
        session.merge(
            AccountFitnessRow(account=account, asked_at=now, ok=True, reasons="", changed_at=now)
        )
        grant_lease(session, account)
        portfolio.ensure_account(session, account, now)
        trading_rules.store(session, [INSTRUMENT], now)
        for seconds in (6, 3, 0):
            portfolio.record_equity(
                session,
                account,
                now - timedelta(seconds=seconds),
                equity=wallet.equity,
                wallet_balance=wallet.wallet_balance,
                available=wallet.available,
                unrealised_pnl=wallet.unrealised_pnl,
            )
        session.flush()
        bases.confirm(session, account, now)
