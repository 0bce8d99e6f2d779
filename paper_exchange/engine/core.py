"""The engine of the paper exchange: takes market events, checks and fills orders, emits records."""

from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from heapq import heappop
from typing import Any, Final

from paper_exchange.engine.accounts.funding import Funding
from paper_exchange.engine.accounts.liquidation import RiskWatch
from paper_exchange.engine.accounts.position_requests import PositionRequests
from paper_exchange.engine.accounts.settlement import Settlement
from paper_exchange.engine.fills import Fills
from paper_exchange.engine.hooks import Hooks
from paper_exchange.engine.markets.impact import ImpactModel
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.acceptance import Acceptance
from paper_exchange.engine.orders.amending import Amending
from paper_exchange.engine.orders.conditional import Conditional
from paper_exchange.engine.orders.exits import ExitOrders
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.matching import Matcher
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.staging import StagedFill, Staging
from paper_exchange.engine.orders.trading import Trading
from paper_exchange.engine.persistence import dump, load
from paper_exchange.engine.queries import Queries
from paper_exchange.engine.retention import Retention
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.engine.world import World
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketEvent,
    MarketTrade,
    MarkUpdate,
    Print,
    PrivateEvent,
)

Params = Mapping[str, Any]
Rows = list[dict[str, Any]]
PRUNE_MS: Final = 600_000
"""The interval at which the engine drops records past their retention, in milliseconds."""


class PaperEngine:
    """Implements `Engine`. It is synchronous and has no clock, no thread and no I/O."""

    def __init__(
        self,
        instruments: Sequence[InstrumentSpec],
        accounts: Mapping[str, AccountConfig],
        settings: EngineSettings | None = None,
    ) -> None:
        world = self.world = World(instruments, accounts, settings or EngineSettings())
        self.lifecycle = Lifecycle(world)
        self.fills = Fills(world, self.lifecycle)
        self.staging = Staging(world, self.lifecycle, self.fills)
        self.matcher = Matcher(world, self.lifecycle, self.fills, self.staging)
        self.acceptance = Acceptance(world)
        self.trading = Trading(world, self.lifecycle, self.matcher, self.acceptance)
        self.amending = Amending(world, self.lifecycle, self.matcher, self.trading, self.acceptance)
        self.exits = ExitOrders(world, self.lifecycle)
        self.conditional = Conditional(
            world, self.lifecycle, self.matcher, self.acceptance, self.exits
        )
        self.risk = RiskWatch(world, self.lifecycle, self.fills)
        self.funding = Funding(world)
        self.requests = PositionRequests(world, self.acceptance, self.exits)
        self.queries = Queries(world)
        self.retention = Retention(world)
        self.settlement = Settlement(world, self.lifecycle, self.exits, self.risk, self.queries)
        self.hooks = Hooks(world, self.lifecycle, self.trading, self.risk)
        self.on_print: Callable[[Print], None] = _ignore
        world.effects["start"] = self._effect_start
        world.effects["prune"] = self._effect_prune
        world.schedule_at(0, "start")
        self.has_impact = world.settings.impact.enabled
        if self.has_impact:
            for market in world.markets.values():
                market.impact = ImpactModel(market, world.settings.impact)

    # Market and time

    def on_market(self, event: MarketEvent, ts_ms: int | None = None) -> None:
        """Applies one market event and fills the orders that it reaches.

        It happens at `ts_ms`. Default: at the event's own time. Raises ValueError for an instrument
        that the engine does not have.
        """
        world = self.world
        ts = event.ts_ms if ts_ms is None else ts_ms
        if world.timers[0][0] <= ts:
            self.advance(ts)
        if ts > world.now:
            world.now = ts
        market = world.markets.get((event.category, event.symbol))
        if market is None:
            raise ValueError(f"no instrument {event.category} {event.symbol}")
        if type(event) is BookUpdate:
            self._on_book(market, event, ts)
        elif type(event) is MarketTrade:
            self._on_trade(market, event, ts)
        elif type(event) is MarkUpdate:
            market.take_reference(event)
            self._on_reference(market)
        if ts >= market.next_sample_ms:
            market.sample_premium(ts)
        if world.moved:
            self._settle()

    def _on_trade(self, market: Market, event: MarketTrade, ts: int) -> None:
        market.last = event.price + market.book.bids.shift
        if market.impact is not None:
            market.impact.on_trade(event.qty, ts)
        if market.resting:
            self.matcher.on_trade(market, event)
        if market.trailing or market.triggers.bounds:
            self.conditional.on_last(market, market.last)

    def _on_reference(self, market: Market) -> None:
        if market.triggers:
            self.conditional.on_reference(market)
        if market.holders:
            self.risk.on_mark(market)

    def _on_book(self, market: Market, event: BookUpdate, ts: int) -> None:
        book, resting = market.book, market.resting
        if resting:
            self._move_queues(market, event)
        if event.snapshot:
            book.bids.replace(event.bids)
            book.asks.replace(event.asks)
        else:
            book.bids.update(event.bids)
            book.asks.update(event.asks)
        if market.impact is not None and ts >= market.impact.next_ms:
            self._shift(market, market.impact.shift(market, ts))
        if resting and self.world.settings.fill_on_cross:
            self.matcher.after_update(market)
        if (market.holders or market.triggers.bounds) and not market.has_mark:
            doubled = book.doubled_mid()
            if doubled is not None and doubled != market.checked_mid:
                market.checked_mid = doubled
                self._on_reference(market)

    def _shift(self, market: Market, ticks: int) -> None:
        """Moves the prices of a market by our impact, its mark and index among them."""
        if ticks != market.book.shift:
            market.book.set_shift(ticks)
            self._on_reference(market)

    def _move_queues(self, market: Market, event: BookUpdate) -> None:
        for own, book, levels in (
            (market.own.bids, market.book.bids, event.bids),
            (market.own.asks, market.book.asks, event.asks),
        ):
            if not own.levels:
                continue
            if event.snapshot:
                sizes = dict(levels)
                raws = [price - book.shift for price in own.levels]
                levels = [(raw, sizes.get(raw, 0)) for raw in raws]
            self.matcher.before_update(own, book, levels)

    def advance(self, now_ms: int) -> None:
        """Moves the time forward and runs every timer that is due, in order."""
        world = self.world
        world.target = max(world.target, now_ms)
        while world.timers and world.timers[0][0] <= now_ms:
            due, _, action, args = heappop(world.timers)
            world.now = max(world.now, due)
            world.effects[action](*args)
            self._settle()
        world.now = max(world.now, now_ms)

    def _effect_start(self) -> None:
        """Starts periodic work at the time of the first call."""
        world = self.world
        self.funding.start(world.target)
        world.schedule_at(world.target + PRUNE_MS, "prune")

    def _effect_prune(self) -> None:
        self.retention.prune()
        self.world.schedule(PRUNE_MS, "prune")

    def next_due_ms(self) -> int | None:
        """The time of the next timer, in milliseconds; None without one."""
        return self.world.timers[0][0] if self.world.timers else None

    def next_seq(self) -> int:
        """The next cross sequence. Books, trades and executions are numbered in one row."""
        world = self.world
        world.seq += 1
        return world.seq

    def drain_events(self) -> list[PrivateEvent]:
        """The private events since the last call, oldest first."""
        events = self.world.events
        self.world.events = []
        return events

    def _run_due(self) -> None:
        """Ends a request: runs the effects that have no delay, and reports the changes."""
        self.advance(self.world.now)
        self._settle()

    def _settle(self) -> None:
        """Ends an operation: its trades become public, then its changes are settled."""
        if self.world.prints:
            self._print_trades()
        self.settlement.settle()

    def _print_trades(self) -> None:
        """Makes own trades the last price, one after the other, and fires the stops they reach.

        A fired stop may trade in its turn.
        """
        world = self.world
        while world.prints:
            prints, world.prints = world.prints, []
            for one in prints:
                trade = one.trade
                market = world.markets[trade.category, trade.symbol]
                market.last = trade.price
                self.on_print(one)
                if market.triggers or market.trailing:
                    self.conditional.on_last(market, trade.price)

    # Orders

    def create_order(self, uid: str, params: Params, now_ms: int) -> dict[str, Any]:
        """Accepts a new order; returns its ids. Raises Reject as Bybit refuses it."""
        self.advance(now_ms)
        reply = self.trading.create(uid, params)
        self._run_due()
        return reply

    def amend_order(self, uid: str, params: Params, now_ms: int) -> dict[str, Any]:
        """Accepts an amendment; returns the order's ids. Raises Reject as Bybit refuses it."""
        self.advance(now_ms)
        reply = self.amending.amend(uid, params)
        self._run_due()
        return reply

    def cancel_order(self, uid: str, params: Params, now_ms: int) -> dict[str, Any]:
        """Accepts a cancel.

        Returns the order's ids. Raises Reject for an unknown or closed order.
        """
        self.advance(now_ms)
        reply = self.trading.cancel(uid, params)
        self._run_due()
        return reply

    def cancel_all(self, uid: str, params: Params, now_ms: int) -> dict[str, Any]:
        """Accepts the cancel of every selected order; returns their ids."""
        self.advance(now_ms)
        reply = self.trading.cancel_all(uid, params)
        self._run_due()
        return reply

    def open_orders(self, uid: str, params: Params, now_ms: int) -> Rows:
        """Open orders and lately closed ones, newest first, as Bybit's rows."""
        self.advance(now_ms)
        return self.queries.open_orders(uid, params)

    def order_history(self, uid: str, params: Params, now_ms: int) -> Rows:
        """Orders of a time window, newest first, as Bybit's rows."""
        self.advance(now_ms)
        return self.queries.order_history(uid, params)

    def executions(self, uid: str, params: Params, now_ms: int) -> Rows:
        """Executions of a time window, newest first, as Bybit's rows."""
        self.advance(now_ms)
        return self.queries.executions(uid, params)

    # Positions and account

    def positions(self, uid: str, params: Params) -> Rows:
        """Positions as Bybit's rows."""
        return self.queries.positions(uid, params)

    def wallet(self, uid: str) -> dict[str, Any]:
        """The unified account as Bybit's row."""
        return self.queries.wallet(uid)

    def set_leverage(self, uid: str, params: Params, now_ms: int) -> None:
        """Changes a symbol's leverage.

        Raises Reject for the present leverage and for one that the margin at hand can't carry.
        """
        self.advance(now_ms)
        self.requests.set_leverage(uid, params)
        self._run_due()

    def switch_mode(self, uid: str, params: Params, now_ms: int) -> None:
        """Changes between one-way and hedge mode.

        Raises Reject while a position or an order is open.
        """
        self.advance(now_ms)
        self.requests.switch_mode(uid, params)
        self._run_due()

    def set_margin_mode(self, uid: str, isolated: bool, now_ms: int) -> None:
        """Switches between cross and isolated margin. Raises Reject unless the account is flat."""
        self.advance(now_ms)
        self.requests.set_margin_mode(uid, isolated)
        self._run_due()

    def is_isolated(self, uid: str) -> bool:
        """Whether each position of the account has a margin of its own."""
        return self.world.account(uid).isolated

    def add_margin(self, uid: str, params: Params, now_ms: int) -> dict[str, Any]:
        """Adds margin to an isolated position; returns its row."""
        self.advance(now_ms)
        position = self.requests.add_margin(uid, params)
        self._run_due()
        return self.queries.position_row(self.world.account(uid), position)

    def set_collateral(self, uid: str, coin: str, used: bool, now_ms: int) -> None:
        """Switches a coin on or off as collateral."""
        self.advance(now_ms)
        self.requests.set_collateral(uid, coin, used)
        self._run_due()

    def trading_stop(self, uid: str, params: Params, now_ms: int) -> None:
        """Sets or clears take-profit, stop-loss and trailing stop.

        Raises Reject without a position.
        """
        self.advance(now_ms)
        self.requests.trading_stop(uid, params)
        self._run_due()

    def position_size(self, uid: str, symbol: str, idx: int) -> Decimal:
        """The signed size of a futures position in base units; 0 where there is none."""
        return self.queries.position_size(uid, symbol, idx)

    def closed_pnl(self, uid: str, params: Params) -> Rows:
        """Closed profit and loss, newest first, as Bybit's rows."""
        return self.queries.closed_pnl(uid, params)

    def transaction_log(self, uid: str, params: Params) -> Rows:
        """The cash ledger, newest first, as Bybit's rows."""
        return self.queries.transaction_log(uid, params)

    def pre_check(self, uid: str, params: Params) -> dict[str, Any]:
        """The margin that an order needs. No order is placed."""
        return self.requests.pre_check(uid, params)

    def set_band_action(self, uid: str, modify: bool) -> None:
        """Chooses whether a futures price beyond the band is moved to the band or refused."""
        self.world.account(uid).reprice = modify

    # Market views

    def take_past(self, category: Category, symbol: str, day_volume: int) -> None:
        """Takes an instrument's volume of the day before the start, in steps."""
        market = self.world.market(category, symbol)
        if market.impact is not None:
            market.impact.take_past(day_volume)

    def shift(self, category: Category, symbol: str) -> int:
        """The ticks by which our own impact moves all prices of an instrument."""
        world = self.world
        market = world.markets.get((category, symbol)) or world.market(category, symbol)
        return market.book.shift

    def price_limit(self, category: Category, symbol: str) -> tuple[Decimal, Decimal]:
        """The highest price to buy and the lowest to sell.

        Raises Reject while there is no price.
        """
        market = self.world.market(category, symbol)
        band = market.band_ticks()
        if band is None:
            raise reject("no_price", spot=market.is_spot)
        return market.price(band[0]), market.price(band[1])

    def book(
        self, category: Category, symbol: str, depth: int
    ) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
        """The first `depth` bids and offers, best first, as (ticks, steps).

        They are the replay's and those of all accounts, as on an exchange.
        """
        market = self.world.market(category, symbol)
        return market.depth(1, depth), market.depth(-1, depth)

    # Forced events and persistence

    def force_cancel(self, uid: str, order_id: str, cancel_type: str) -> None:
        """Cancels an order as the exchange itself would."""
        self.hooks.cancel(uid, order_id, cancel_type)
        self._run_due()

    def force_liquidation(self, uid: str, symbol: str) -> None:
        """Liquidates a symbol's positions at mark, with no look at the margin."""
        self.hooks.liquidate(uid, symbol)
        self._run_due()

    def force_adl(self, uid: str, symbol: str, qty: str) -> None:
        """Closes part of a position by auto-deleveraging, at mark."""
        self.hooks.deleverage(uid, symbol, qty)
        self._run_due()

    def transfer(self, uid: str, coin: str, amount: Decimal, now_ms: int) -> None:
        """Deposits an amount into the account; a negative amount is a withdrawal."""
        self.advance(now_ms)
        self.hooks.transfer(uid, coin, amount)
        self._run_due()

    def inject_foreign_order(self, uid: str, params: Params) -> dict[str, Any]:
        """Places an order of the account from outside the API. It takes effect at once."""
        reply = self.hooks.foreign_order(uid, params)
        self._run_due()
        return reply

    def stage_fill(self, plan: StagedFill) -> None:
        """Fills the next order that fits by decree; see `StagedFill`."""
        self.staging.plans.append(plan)

    def fill_rest(self, uid: str, order_id: str, now_ms: int) -> None:
        """Fills what is left of a held order. Raises Reject when no order of this id is held."""
        self.advance(now_ms)
        self.staging.fill_rest(uid, order_id)
        self._run_due()

    def update_instrument(self, spec: InstrumentSpec) -> None:
        """Puts new filters or another status in force."""
        self.hooks.update_instrument(spec)
        self._run_due()

    def restart_cache(self) -> None:
        """Forgets the closed orders that order/realtime still shows."""
        self.hooks.restart_cache()

    def set_delays(
        self,
        effect_delay_ms: int | None = None,
        realtime_lag_ms: int | None = None,
        history_lag_ms: int | None = None,
    ) -> None:
        """Changes effect delay and visibility lags at run time."""
        self.hooks.set_delays(effect_delay_ms, realtime_lag_ms, history_lag_ms)

    def snapshot(self) -> dict[str, Any]:
        """The accounts, orders, executions, ledger and pending effects as a JSON-able dict."""
        return dump(self.world)

    def restore(self, state: Params) -> None:
        """Loads a snapshot. Call it on a fresh engine before the first event."""
        load(self.world, state)


def _ignore(_: Print) -> None:
    return None
