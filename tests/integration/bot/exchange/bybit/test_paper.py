"""The adapter and its streams against the paper exchange, faults included."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal
from itertools import count
from queue import Empty, Queue

import pytest
from pydantic import SecretStr

from bot.clock import SystemClock
from bot.errors import (
    ClockRefused,
    DependencyDown,
    ExchangeRefused,
    MlriskError,
    OutcomeUnknown,
    RetryLater,
    Throttled,
)
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from bot.exchange.bybit.reconnects import Reconnects
from bot.exchange.bybit.streams import StreamSupervisor, private_stream, public_stream
from bot.exchange.protocol import (
    CancelOutcome,
    ExchangeOrder,
    ExchangePosition,
    Execution,
    OrderIntent,
    OrderType,
    TimeInForce,
    Wallet,
)
from bot.exchange.streams import StreamEvent, StreamState
from bot.execution.booking.venue_acts import VenueAct, act_of
from bot.execution.orders.price_band import worst_allowed
from bot.market.features import MarketTracker
from bot.market.frames import BookFrame, TickerFrame, TradeFrame
from bot.risk.snapshot import MarketView
from models.enums import (
    OrderStatus,
    TradeSide,
    VenueReason,
)
from models.tables import InstrumentRow
from paper_exchange.testing import PaperExchangeProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.services

SYMBOL = "BTCUSDT"
D = Decimal
PACE = Reconnects(connect=5.0, silence=3.0, backoff_first=0.05, backoff_last=0.5)
numbers = count(1)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperExchangeProcess]:
    # Other coins would move the equity with the market.
    arguments = ("--market", "synthetic", "--seed", "11", "--control", "--balances", "USDT=100000")
    limits = ("--order-rate", "0", "--read-rate", "0", "--ip-rate", "0")
    with PaperExchangeProcess(*arguments, *limits) as server:
        yield server


@pytest.fixture
def config(paper: PaperExchangeProcess) -> BybitConfig:
    return BybitConfig(
        api_key=SecretStr(paper.api_key),
        api_secret=SecretStr(paper.api_secret),
        mode=BybitMode.PAPER,
        endpoint=paper.url,
        read_timeout_seconds=1.0,
    )


@pytest.fixture
def exchange(config: BybitConfig, paper: PaperExchangeProcess) -> Iterator[BybitExchange]:
    made = BybitExchange(config)
    yield made
    paper.clear_faults()
    made.cancel_all()
    made.close()


class Listener:
    """Keeps events and gaps, and waits for the one that a test is about."""

    def __init__(self) -> None:
        self.events: Queue[StreamEvent] = Queue()
        self.gaps: list[str] = []

    def on_event(self, event: StreamEvent) -> None:
        self.events.put(event)

    def on_gap(self, cause: str) -> None:
        self.gaps.append(cause)

    def collect(self, done: type, *, number: int) -> list[StreamEvent]:
        """Events until `number` of the wanted types came; the others are kept too."""
        found: list[StreamEvent] = []
        while sum(isinstance(event, done) for event in found) < number:
            try:
                found.append(self.events.get(timeout=60))
            except Empty:
                raise AssertionError(f"only {found}") from None
        return found


def link_id() -> str:
    return f"t-adapter-{next(numbers)}"


def mark(exchange: BybitExchange) -> Decimal:
    """A price near the market, from the book that the public market shows."""
    rows = exchange._session.read("get_tickers", category="linear", symbol=SYMBOL)["list"]
    return D(rows[0]["markPrice"])


def intent(exchange: BybitExchange, distance: str = "1", **changes: object) -> OrderIntent:
    price = (mark(exchange) * D(distance)).quantize(D("0.1"), ROUND_DOWN)
    fields: dict[str, object] = {
        "order_link_id": link_id(),
        "symbol": SYMBOL,
        "side": TradeSide.BUY,
        "qty": D("0.010"),
        "order_type": OrderType.LIMIT,
        "time_in_force": TimeInForce.GTC,
        "price": price,
        "reduce_only": False,
    }
    return OrderIntent(**(fields | changes))  # type: ignore[arg-type]


def final(exchange: BybitExchange, order_link_id: str) -> ExchangeOrder:
    found: list[ExchangeOrder] = []

    def is_final() -> bool:
        order = exchange.find_order(SYMBOL, order_link_id)
        found[:] = [order] if order is not None else []
        return order is not None and order.status.is_final

    eventually(is_final)
    return found[0]


def test_what_a_column_of_the_database_gives_is_accepted_under_strict_decimals(
    exchange: BybitExchange, paper: PaperExchangeProcess
) -> None:
    paper.fault("strict_decimals")
    order = intent(exchange, "0.9", time_in_force=TimeInForce.GTC)
    stored = replace(order, qty=D("0.031000000000000000"))
    exchange.place(exchange.order_body(stored))
    eventually(lambda: exchange.find_order(SYMBOL, order.order_link_id))


def test_the_account_is_ready_and_its_market_readable(exchange: BybitExchange) -> None:
    exchange.is_ready()
    assert abs(exchange.clock_offset_ms()) < 250
    assert SYMBOL in {row.symbol for row in exchange.instruments()}
    assert exchange.wallet().equity > 0


DRIFT = D("0.001")
"""The synthetic market moves less between two calls, also on a busy machine."""


@pytest.mark.parametrize("side", list(TradeSide))
def test_the_price_band_is_computed_as_the_exchange_has_it(
    exchange: BybitExchange, side: TradeSide
) -> None:
    (rules,) = [row for row in exchange.instruments() if row.symbol == SYMBOL]
    assert rules.price_limit_x is not None and rules.price_limit_x > 5 * DRIFT
    row = InstrumentRow(price_limit_x=rules.price_limit_x, price_limit_y=rules.price_limit_y)
    market = {"category": "linear", "symbol": SYMBOL}
    ticker = exchange._session.read("get_tickers", **market)["list"][0]
    published = exchange._session.read("get_price_limit", **market)
    view = MarketView(
        symbol=SYMBOL,
        as_of=exchange.server_time(),
        bid=D(ticker["bid1Price"]),
        ask=D(ticker["ask1Price"]),
        mark=D(ticker["markPrice"]),
        index=D(ticker["indexPrice"]),
    )
    ours = worst_allowed(side, view, row, with_premium=True)
    theirs = D(published["buyLmt" if side is TradeSide.BUY else "sellLmt"])
    assert ours is not None
    assert abs(ours / theirs - 1) < DRIFT


def test_a_price_beyond_the_band_is_moved_to_it(exchange: BybitExchange) -> None:
    order = intent(exchange, "1.1", side=TradeSide.BUY, time_in_force=TimeInForce.IOC)
    assert order.price is not None
    exchange.place(exchange.order_body(order))
    moved = final(exchange, order.order_link_id)
    assert moved.price is not None and moved.price < order.price
    back = intent(exchange, "0.9", side=TradeSide.SELL, time_in_force=TimeInForce.IOC)
    exchange.place(exchange.order_body(back))
    moved = final(exchange, back.order_link_id)
    assert back.price is not None and moved.price is not None and moved.price > back.price


class SlowClock(SystemClock):
    """Stands 20 s behind."""

    def now(self) -> datetime:
        return super().now() - timedelta(seconds=20)


def test_a_slow_clock_is_refused_and_the_refusal_proves_it(
    config: BybitConfig, exchange: BybitExchange, caplog: pytest.LogCaptureFixture
) -> None:
    clock = SlowClock()
    slow = BybitExchange(config, clock)
    order = intent(exchange, "0.9", time_in_force=TimeInForce.GTC)
    with pytest.raises(ClockRefused) as caught:
        slow.place(slow.order_body(order), as_of=clock.now())
    # At least what is left of 20 s when the reply took its time.
    assert 5000 < caught.value.behind_ms <= 20_000
    assert "the exchange refused a request for its time" in caplog.text
    assert exchange.find_order(SYMBOL, order.order_link_id) is None


def test_an_order_that_adds_risk_is_refused_once_its_window_has_passed_since_its_claim(
    exchange: BybitExchange,
) -> None:
    """Seen: with one window for everything, a post that hung delayed the seal of a halt by 5 s."""
    order = intent(exchange, "0.9", time_in_force=TimeInForce.GTC)
    late = timedelta(milliseconds=exchange.adding_window_ms + 1)
    with pytest.raises(ClockRefused) as caught:
        exchange.place(exchange.order_body(order), as_of=SystemClock().now() - late)
    assert exchange.adding_window_ms == 2000
    assert caught.value.behind_ms == 0, "no clock is to blame"
    assert exchange.find_order(SYMBOL, order.order_link_id) is None


def test_a_deposit_and_a_withdrawal_show_in_the_wallet_and_as_cash_flows(
    paper: PaperExchangeProcess, exchange: BybitExchange
) -> None:
    began = exchange.server_time()
    before = exchange.wallet().wallet_balance
    paper.control("POST", "actions/transfer", {"amount": "500.5"})
    paper.control("POST", "actions/transfer", {"amount": "-1500"})
    assert exchange.wallet().wallet_balance == before - D("999.5")
    flows = exchange.cash_flows(since=began)
    assert [(f.kind, f.currency, f.amount) for f in flows] == [
        ("TRANSFER_IN", "USDT", D("500.5")),
        ("TRANSFER_OUT", "USDT", D("-1500")),
    ]
    assert exchange.cash_flows(since=began - timedelta(days=20)) == flows
    paper.control("POST", "actions/transfer", {"amount": "999.5"})


def test_a_deposit_of_another_coin_is_counted_and_has_a_price(
    paper: PaperExchangeProcess, exchange: BybitExchange
) -> None:
    began = exchange.server_time()
    paper.control("POST", "actions/transfer", {"amount": "0.5", "coin": "BTC"})
    flow = exchange.cash_flows(since=began)[-1]
    assert (flow.currency, flow.amount) == ("BTC", D("0.5"))
    assert exchange.wallet().prices["BTC"] > 1000
    found = eventually(lambda: exchange.coin_price("BTC", exchange.server_time()))
    assert found.price > 1000
    assert exchange.coin_price("NOSUCHCOIN", exchange.server_time()) is None
    paper.control("POST", "actions/transfer", {"amount": "-0.5", "coin": "BTC"})


def test_a_taker_fills_and_shows_in_order_execution_position_and_wallet(
    exchange: BybitExchange,
) -> None:
    before = exchange.wallet().wallet_balance
    want = intent(exchange, "1.004", time_in_force=TimeInForce.IOC)
    ack = exchange.place(exchange.order_body(want))
    order = final(exchange, want.order_link_id)
    assert (order.order_id, order.status) == (ack.order_id, OrderStatus.FILLED)
    fills = exchange.executions(order_link_id=want.order_link_id)
    assert sum(f.qty for f in fills) == want.qty
    assert order.average_price == sum(f.qty * f.price for f in fills) / want.qty
    (position,) = (p for p in exchange.positions() if p.symbol == SYMBOL)
    assert position.qty >= want.qty
    assert exchange.wallet().wallet_balance == before - sum(f.fee for f in fills)
    out = intent(
        exchange,
        "0.996",
        side=TradeSide.SELL,
        qty=position.qty,
        time_in_force=TimeInForce.IOC,
        reduce_only=True,
    )
    exchange.place(exchange.order_body(out))
    assert final(exchange, out.order_link_id).status is OrderStatus.FILLED
    assert [p for p in exchange.positions() if p.symbol == SYMBOL] == []
    since = fills[0].executed_at
    assert {f.exec_id for f in fills} <= {e.exec_id for e in exchange.executions(since=since)}


def test_a_resting_order_is_open_until_its_cancel_and_a_second_cancel_is_no_error(
    exchange: BybitExchange,
) -> None:
    want = intent(exchange, "0.995")
    exchange.place(exchange.order_body(want))
    eventually(lambda: want.order_link_id in {o.order_link_id for o in exchange.open_orders()})
    outcome = exchange.cancel(SYMBOL, want.order_link_id)
    assert final(exchange, want.order_link_id).status is OrderStatus.CANCELLED
    assert outcome is CancelOutcome.TAKEN
    assert exchange.cancel(SYMBOL, want.order_link_id) is CancelOutcome.GONE


def test_more_orders_than_a_page_are_all_listed_and_all_cancelled(exchange: BybitExchange) -> None:
    wanted = [intent(exchange, "0.995") for _ in range(120)]
    for want in wanted:
        exchange.place(exchange.order_body(want))
    ids = {want.order_link_id for want in wanted}
    eventually(lambda: {o.order_link_id for o in exchange.open_orders()} == ids)
    assert set(exchange.cancel_all()) == ids
    eventually(lambda: not exchange.open_orders())


def test_a_post_only_order_that_would_take_is_acknowledged_and_then_cancelled(
    exchange: BybitExchange,
) -> None:
    want = intent(exchange, "1.004", time_in_force=TimeInForce.POST_ONLY)
    exchange.place(exchange.order_body(want))
    order = final(exchange, want.order_link_id)
    assert order.status is OrderStatus.CANCELLED
    assert order.reason is VenueReason.WOULD_TAKE
    assert order.filled_qty == 0


def test_a_refusal_carries_its_class(exchange: BybitExchange) -> None:
    with pytest.raises(ExchangeRefused) as caught:
        exchange.place(exchange.order_body(intent(exchange, qty=D("400"))))
    assert caught.value.reason is VenueReason.MARGIN
    with pytest.raises(ExchangeRefused) as caught:
        exchange.place(exchange.order_body(intent(exchange, qty=D("0.0015"))))
    assert caught.value.reason is VenueReason.OTHER


def test_an_order_link_id_that_was_used_is_an_unknown_outcome_that_the_look_up_settles(
    exchange: BybitExchange,
) -> None:
    want = intent(exchange, "0.995")
    body = exchange.order_body(want)
    ack = exchange.place(body)
    with pytest.raises(OutcomeUnknown) as caught:
        exchange.place(body)
    assert caught.value.code == "ret_110072"
    eventually(lambda: exchange.find_order(SYMBOL, want.order_link_id) is not None)
    found = exchange.find_order(SYMBOL, want.order_link_id)
    assert found is not None
    assert found.order_id == ack.order_id


@pytest.mark.parametrize(
    ("fault", "options", "error", "took_effect"),
    [
        ("drop_before", {}, OutcomeUnknown, False),
        ("reset_before", {}, OutcomeUnknown, False),
        ("code_10000", {}, OutcomeUnknown, False),
        ("code_10016", {}, OutcomeUnknown, False),
        ("code_10002", {}, ClockRefused, False),
        ("http_429", {}, OutcomeUnknown, False),
        ("http_500", {}, OutcomeUnknown, False),
        ("html", {}, OutcomeUnknown, False),
        ("rate_limit", {}, Throttled, False),
        ("rate_limit_past", {}, Throttled, False),
        ("rate_limit_no_header", {}, Throttled, False),
        ("auth_refusal", {}, ExchangeRefused, False),
        ("drop_after", {}, OutcomeUnknown, True),
        ("reset_after", {}, OutcomeUnknown, True),
        ("delay_after", {"ms": 1500}, OutcomeUnknown, True),
        ("code_10000_effect", {}, OutcomeUnknown, True),
        ("code_10016_effect", {}, OutcomeUnknown, True),
        ("http_500_effect", {}, OutcomeUnknown, True),
        ("html_effect", {}, OutcomeUnknown, True),
        ("truncated_json", {}, OutcomeUnknown, True),
    ],
)
def test_under_a_fault_at_most_one_order_is_made_and_the_error_tells_what_is_known(
    exchange: BybitExchange,
    paper: PaperExchangeProcess,
    fault: str,
    options: dict[str, float],
    error: type[MlriskError],
    took_effect: bool,
) -> None:
    want = intent(exchange, "0.995")
    body = exchange.order_body(want)
    paper.fault(fault, endpoint="order/create", n=1, **options)
    with pytest.raises(error) as caught:
        exchange.place(body)
    assert type(caught.value) is error
    paper.clear_faults()
    eventually(lambda: _answers(exchange))
    if took_effect:
        eventually(lambda: exchange.find_order(SYMBOL, want.order_link_id) is not None)
    else:
        assert exchange.find_order(SYMBOL, want.order_link_id) is None
        eventually(lambda: _takes(exchange, body))  # the same id is free: sending again is safe
    accepted = [r for r in paper.journal() if want.order_link_id in str(r)]
    assert len({r["orderId"] for r in accepted if r.get("orderId")}) <= 1


def test_a_ban_takes_nothing_and_is_not_prolonged_by_another_call(
    config: BybitConfig, paper: PaperExchangeProcess
) -> None:
    banned = BybitExchange(config)
    want = intent(banned, "0.995")
    body = banned.order_body(want)
    paper.fault("http_403", endpoint="order/create", n=1, seconds=0.2)
    with pytest.raises(Throttled) as caught:
        banned.place(body)
    assert caught.value.code == "http_403"
    paper.clear_faults()
    # Who asks too early is banned as well, so that each look is another's.
    eventually(lambda: _answers(BybitExchange(config)))
    with pytest.raises(Throttled):
        banned.server_time()
    other = BybitExchange(config)
    assert other.find_order(SYMBOL, want.order_link_id) is None
    other.place(body)  # the same id is free, so sending again is safe
    other.cancel_all()
    banned.close()
    other.close()


def _takes(exchange: BybitExchange, body: dict[str, object]) -> bool:
    """False while its endpoint is closed to us."""
    try:
        exchange.place(body)
    except Throttled:
        return False
    return True


def _answers(exchange: BybitExchange) -> bool:
    try:
        exchange.server_time()
    except RetryLater:
        return False
    return True


def test_an_exchange_that_is_gone_takes_nothing(config: BybitConfig) -> None:
    with PaperExchangeProcess("--market", "synthetic") as other:
        port = other.port
    gone = BybitExchange(config.model_copy(update={"endpoint": f"http://127.0.0.1:{port}"}))
    with pytest.raises(DependencyDown):
        gone.place(gone.order_body(OrderIntent(**_PLAIN)))  # type: ignore[arg-type]
    with pytest.raises(DependencyDown):
        gone.wallet()
    gone.close()


_PLAIN = {
    "order_link_id": "never",
    "symbol": SYMBOL,
    "side": TradeSide.BUY,
    "qty": D("0.001"),
    "order_type": OrderType.LIMIT,
    "time_in_force": TimeInForce.IOC,
    "price": D("60000"),
    "reduce_only": False,
}


@pytest.fixture
def listener() -> Listener:
    return Listener()


@pytest.fixture
def private(config: BybitConfig, listener: Listener) -> Iterator[StreamSupervisor]:
    supervisor = private_stream(
        config, on_event=listener.on_event, on_gap=listener.on_gap, pace=PACE
    )
    supervisor.start()
    eventually(lambda: supervisor.health().state is StreamState.LIVE)
    yield supervisor
    supervisor.stop()


def test_the_private_stream_tells_orders_executions_positions_and_wallet(
    exchange: BybitExchange, private: StreamSupervisor, listener: Listener
) -> None:
    want = intent(exchange, "1.004", time_in_force=TimeInForce.IOC)
    exchange.place(exchange.order_body(want))
    seen = listener.collect(Wallet, number=1)
    seen += listener.collect(ExchangePosition, number=1) if not _of(seen, ExchangePosition) else []
    executions = _of(seen, Execution)
    assert {e.exec_id for e in executions} == {
        e.exec_id for e in exchange.executions(order_link_id=want.order_link_id)
    }
    assert final(exchange, want.order_link_id) in _of(seen, ExchangeOrder)
    assert listener.gaps == ["first connection"]


def _of(events: list[StreamEvent], kind: type) -> list[StreamEvent]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize("fault", ["ws_silence", "ws_refuse"])
def test_the_stream_comes_back_after_a_fault_and_reports_the_gap(
    paper: PaperExchangeProcess, private: StreamSupervisor, listener: Listener, fault: str
) -> None:
    if fault == "ws_refuse":
        paper.fault("ws_close", endpoint="private", n=1)
        private.resubscribe("wallet")  # a frame of ours, at which the fault strikes
    paper.fault(fault, endpoint="private")
    eventually(lambda: private.health().failures >= 1)
    paper.clear_faults()
    eventually(lambda: private.health().state is StreamState.LIVE)
    assert listener.gaps == ["first connection", "reconnected"]


def test_a_crash_of_the_exchange_is_survived_by_the_stream(
    config: BybitConfig, listener: Listener
) -> None:
    with PaperExchangeProcess("--market", "synthetic") as other:
        mine = config.model_copy(update={"endpoint": other.url})
        supervisor = private_stream(
            mine, on_event=listener.on_event, on_gap=listener.on_gap, pace=PACE
        )
        supervisor.start()
        try:
            eventually(lambda: supervisor.health().state is StreamState.LIVE)
            other.kill()
            eventually(lambda: supervisor.health().state is StreamState.WAITING)
            other.start()
            eventually(lambda: supervisor.health().connections == 2)
        finally:
            supervisor.stop()
    assert listener.gaps == ["first connection", "reconnected"]


def test_the_public_stream_feeds_a_tracker_whose_book_never_breaks(
    config: BybitConfig, listener: Listener
) -> None:
    supervisor = public_stream(
        config, (SYMBOL,), on_event=listener.on_event, on_gap=listener.on_gap, pace=PACE
    )
    tracker = MarketTracker(SYMBOL)
    supervisor.start()
    try:
        for event in listener.collect(BookFrame, number=15):
            assert isinstance(event, BookFrame | TradeFrame | TickerFrame)
            assert tracker.feed(event)
        supervisor.resubscribe(f"orderbook.50.{SYMBOL}")
        for event in listener.collect(BookFrame, number=15):
            assert isinstance(event, BookFrame | TradeFrame | TickerFrame)
            assert tracker.feed(event)
    finally:
        supervisor.stop()
    view = tracker.view()
    assert view is not None
    assert view.bid is not None
    assert view.ask is not None
    assert view.mark is not None
    assert view.bid < view.ask
    assert (view.volume_24h or 0) > 0
    assert supervisor.health().unreadable == 0


@pytest.mark.parametrize(
    ("action", "act"),
    [("liquidation", VenueAct.LIQUIDATION), ("adl", VenueAct.DELEVERAGING)],
)
def test_what_the_exchange_does_to_a_position_is_told_apart_from_trades(
    paper: PaperExchangeProcess, exchange: BybitExchange, action: str, act: VenueAct
) -> None:
    # The exchange's market may be some milliseconds behind its clock.
    began = exchange.server_time() - timedelta(seconds=1)
    body = {"symbol": SYMBOL, "side": "Buy", "qty": "0.01"}
    paper.control("POST", "actions/foreign_position", body)
    eventually(lambda: any(p.symbol == SYMBOL and p.qty for p in exchange.positions()))
    paper.control("POST", f"actions/{action}", {"symbol": SYMBOL})
    eventually(lambda: act in {act_of(e) for e in exchange.executions(since=began)})
