"""The engine of the paper exchange: market events in, orders judged and filled, records out."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from heapq import heappop
from typing import Any

from bot.exchange.paper.engine.account import Position
from bot.exchange.paper.engine.fills import Fills
from bot.exchange.paper.engine.instrument import Market
from bot.exchange.paper.engine.lifecycle import Lifecycle
from bot.exchange.paper.engine.matching import Matcher
from bot.exchange.paper.engine.queries import Queries
from bot.exchange.paper.engine.records import position_stream
from bot.exchange.paper.engine.rejects import reject
from bot.exchange.paper.engine.settings import AccountConfig, EngineSettings
from bot.exchange.paper.engine.trading import Trading
from bot.exchange.paper.engine.world import World
from bot.exchange.paper.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    PrivateEvent,
)

Effect = Callable[..., None]


class PaperEngine:
    """Implements `Engine`. Pure and synchronous: no clock, no thread, no I/O."""

    def __init__(
        self,
        instruments: Sequence[InstrumentSpec],
        accounts: Mapping[str, AccountConfig],
        settings: EngineSettings | None = None,
    ) -> None:
        self.world = World(instruments, accounts, settings or EngineSettings())
        self.lifecycle = Lifecycle(self.world)
        self.fills = Fills(self.world, self.lifecycle)
        self.matcher = Matcher(self.world, self.lifecycle, self.fills)
        self.trading = Trading(self.world, self.lifecycle, self.matcher)
        self.queries = Queries(self.world)
        self._effects: dict[str, Effect] = {
            "create": self.trading.effect_create,
            "cancel": self.trading.effect_cancel,
        }

    # Market and time

    def on_market(self, event: MarketEvent) -> None:
        world = self.world
        ts = event.ts_ms
        if world.timers and world.timers[0][0] <= ts:
            self.advance(ts)
        if ts > world.now:
            world.now = ts
        market = world.markets.get((event.category, event.symbol))
        if market is None:
            raise ValueError(f"no instrument {event.category} {event.symbol}")
        if type(event) is BookUpdate:
            self._on_book(market, event)
        elif type(event) is MarketTrade:
            market.last = event.price
            if market.resting:
                self.matcher.on_trade(market, event)
        elif type(event) is MarkUpdate:
            market.take_reference(event)
        if ts >= market.next_sample_ms:
            market.sample_premium(ts)
        if world.moved:
            self._settle()

    def _on_book(self, market: Market, event: BookUpdate) -> None:
        book = market.book
        if market.resting:
            self._move_queues(market, event)
        if event.snapshot:
            book.bids.replace(event.bids)
            book.asks.replace(event.asks)
        else:
            book.bids.update(event.bids)
            book.asks.update(event.asks)
        if market.resting and self.world.settings.fill_on_cross:
            self.matcher.after_update(market)

    def _move_queues(self, market: Market, event: BookUpdate) -> None:
        for own, book, levels in (
            (market.own.bids, market.book.bids, event.bids),
            (market.own.asks, market.book.asks, event.asks),
        ):
            if not own.levels:
                continue
            if event.snapshot:
                sizes = dict(levels)
                levels = [(price, sizes.get(price, 0)) for price in own.levels]
            self.matcher.before_update(own, book, levels)

    def advance(self, now_ms: int) -> None:
        world = self.world
        while world.timers and world.timers[0][0] <= now_ms:
            due, _, action, args = heappop(world.timers)
            world.now = max(world.now, due)
            self._effects[action](*args)
            self._settle()
        world.now = max(world.now, now_ms)

    def next_due_ms(self) -> int | None:
        return self.world.timers[0][0] if self.world.timers else None

    def drain_events(self) -> list[PrivateEvent]:
        events = self.world.events
        self.world.events = []
        return events

    def _settle(self) -> None:
        """Ends an operation: reduce-only orders follow, then position and wallet are reported."""
        world = self.world
        if not world.moved:
            return
        for position in list(world.changed.values()):
            self._trim(position)
        for (uid, _, _), position in world.changed.items():
            row = self.queries.position_row(world.accounts[uid], position)
            world.emit(uid, "position", "linear", position_stream(row))
        for uid in world.moved:
            world.emit(uid, "wallet", None, self.queries.wallet(uid))
        world.changed.clear()
        world.moved.clear()

    def _trim(self, position: Position) -> None:
        """A resting reduce-only order never exceeds its position: it is cut or cancelled."""
        for order in list(position.reducers.values()):
            if not order.is_open:
                continue
            closable = position.closable(order.side)
            if order.leaves <= closable:
                continue
            if closable:
                order.qty = order.filled + closable
                order.updated_ms = self.world.now
                self.lifecycle.publish(order)
            else:
                self.trading.cancel_now(order, "CancelByReduceOnly", "EC_ReduceOnly")

    # Orders

    def create_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        self.advance(now_ms)
        reply = self.trading.create(uid, params)
        self.advance(self.world.now)
        return reply

    def amend_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        raise NotImplementedError

    def cancel_order(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        self.advance(now_ms)
        reply = self.trading.cancel(uid, params)
        self.advance(self.world.now)
        return reply

    def cancel_all(self, uid: str, params: Mapping[str, Any], now_ms: int) -> dict[str, Any]:
        self.advance(now_ms)
        reply = self.trading.cancel_all(uid, params)
        self.advance(self.world.now)
        return reply

    def open_orders(self, uid: str, params: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
        self.advance(now_ms)
        return self.queries.open_orders(uid, params)

    def order_history(
        self, uid: str, params: Mapping[str, Any], now_ms: int
    ) -> list[dict[str, Any]]:
        self.advance(now_ms)
        return self.queries.order_history(uid, params)

    def executions(self, uid: str, params: Mapping[str, Any], now_ms: int) -> list[dict[str, Any]]:
        self.advance(now_ms)
        return self.queries.executions(uid, params)

    def positions(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self.queries.positions(uid, params)

    def wallet(self, uid: str) -> dict[str, Any]:
        return self.queries.wallet(uid)

    def transaction_log(self, uid: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        return self.queries.transaction_log(uid, params)

    # Market views

    def price_limit(self, category: Category, symbol: str) -> tuple[Decimal, Decimal]:
        market = self.world.market(category, symbol)
        band = market.band_ticks()
        if band is None:
            raise reject("no_price", spot=market.is_spot)
        return market.price(band[0]), market.price(band[1])

    def book(
        self, category: Category, symbol: str, depth: int
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        book = self.world.market(category, symbol).book
        return book.bids.depth(depth), book.asks.depth(depth)
