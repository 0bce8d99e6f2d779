"""A small market for the engine's tests: BTCUSDT linear and spot on easy grids."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pytest

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketTrade,
    MarkUpdate,
    PrivateEvent,
    Side,
)

D = Decimal
LINEAR = InstrumentSpec(
    category="linear",
    symbol="BTCUSDT",
    base_coin="BTC",
    quote_coin="USDT",
    tick_size=D("0.1"),
    qty_step=D("0.001"),
    min_qty=D("0.001"),
    max_limit_qty=D("1190"),
    max_market_qty=D("500"),
    min_notional=D("5"),
)
SPOT = InstrumentSpec(
    category="spot",
    symbol="BTCUSDT",
    base_coin="BTC",
    quote_coin="USDT",
    tick_size=D("0.1"),
    qty_step=D("0.000001"),
    min_qty=D("0.000001"),
    max_limit_qty=D("100"),
    max_market_qty=D("50"),
    min_notional=D("5"),
)
Levels = Sequence[tuple[str, str]]


class Desk:
    """Drives an engine with words and decimal strings; keeps the events that it drained."""

    def __init__(
        self,
        settings: EngineSettings,
        accounts: Mapping[str, AccountConfig],
        specs: Sequence[InstrumentSpec] = (LINEAR, SPOT),
    ) -> None:
        self.engine = PaperEngine(specs, accounts, settings)
        self.specs = {spec.key: spec for spec in specs}
        self.now = 1_000
        self.seen: list[PrivateEvent] = []

    def _levels(self, spec: InstrumentSpec, levels: Levels) -> list[tuple[int, int]]:
        return [(int(D(p) / spec.tick_size), int(D(q) / spec.qty_step)) for p, q in levels]

    def book(
        self,
        bids: Levels = (),
        asks: Levels = (),
        *,
        snapshot: bool = False,
        category: Category = "linear",
    ) -> None:
        spec = self.specs[(category, "BTCUSDT")]
        self.engine.on_market(
            BookUpdate(
                category,
                "BTCUSDT",
                self.now,
                self._levels(spec, bids),
                self._levels(spec, asks),
                snapshot,
            )
        )

    def trade(self, price: str, qty: str, side: Side, category: Category = "linear") -> None:
        spec = self.specs[(category, "BTCUSDT")]
        [(ticks, steps)] = self._levels(spec, [(price, qty)])
        self.engine.on_market(MarketTrade(category, "BTCUSDT", self.now, ticks, steps, side))

    def mark(self, price: str, category: Category = "linear", **other: Decimal) -> None:
        self.engine.on_market(
            MarkUpdate(category, "BTCUSDT", self.now, mark_price=D(price), **other)
        )

    def create(self, side: str, qty: str, price: str | None = None, **more: Any) -> str:
        """Places an order (Market without price) and returns its id."""
        uid = more.pop("uid", "u1")
        params: dict[str, Any] = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": side,
            "orderType": "Market" if price is None else "Limit",
            "qty": qty,
        }
        if price is not None:
            params["price"] = price
        return str(self.engine.create_order(uid, {**params, **more}, self.now)["orderId"])

    def cancel(self, order_id: str, category: Category = "linear", uid: str = "u1") -> None:
        params = {"category": category, "symbol": "BTCUSDT", "orderId": order_id}
        self.engine.cancel_order(uid, params, self.now)

    def wait(self, ms: int) -> None:
        self.now += ms
        self.engine.advance(self.now)

    def order(self, order_id: str, category: Category = "linear", uid: str = "u1") -> Any:
        [row] = self.engine.open_orders(uid, {"category": category, "orderId": order_id}, self.now)
        return row

    def position(self, uid: str = "u1", idx: int = 0) -> Any:
        rows = self.engine.positions(uid, {"category": "linear", "symbol": "BTCUSDT"})
        return next(row for row in rows if row["positionIdx"] == idx)

    def cash(self, coin: str = "USDT", uid: str = "u1") -> Decimal:
        return self.engine.world.accounts[uid].balance(coin)

    def events(self, topic: str | None = None) -> list[Any]:
        """Rows of the events since the last call."""
        drained = self.engine.drain_events()
        self.seen.extend(drained)
        return [dict(e.data) for e in drained if topic is None or e.topic == topic]


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    def make(
        accounts: Mapping[str, AccountConfig] | None = None,
        specs: Sequence[InstrumentSpec] = (LINEAR, SPOT),
        **settings: Any,
    ) -> Desk:
        settings.setdefault("effect_delay_ms", 0)
        who = accounts or {uid: AccountConfig(uid) for uid in ("u1", "u2")}
        return Desk(EngineSettings(**settings), who, specs)

    return make


@pytest.fixture
def desk(make_desk: Callable[..., Desk]) -> Desk:
    """A desk without delays and with a book around 100.0."""
    made = make_desk()
    made.book(
        bids=[("100.0", "2"), ("99.9", "3"), ("99.8", "5")],
        asks=[("100.1", "1.5"), ("100.2", "3"), ("100.3", "5")],
        snapshot=True,
    )
    return made
