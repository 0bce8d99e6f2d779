"""Applies one fill to the order, the position or the coins, the ledger and the streams."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.numbers import EIGHT, grid, plain
from paper_exchange.engine.orders.lifecycle import Lifecycle
from paper_exchange.engine.orders.order import SIDE_NAME, Order
from paper_exchange.engine.records import Execution, execution_stream
from paper_exchange.engine.world import World
from paper_exchange.types import MarketTrade, Print

LOG_KIND: Final = {"Trade": "TRADE", "BustTrade": "LIQUIDATION", "AdlTrade": "ADL"}


@dataclass(frozen=True, slots=True)
class Deal:
    """One match: price in ticks, size in steps, value in the quote coin."""

    price: int
    steps: int
    value: Decimal
    rate: Decimal
    is_maker: bool
    exec_type: str


@dataclass(frozen=True, slots=True)
class Closed:
    """The part of a position that a deal closed; money in quote coin."""

    steps: int = 0
    entry_value: Decimal = ZERO
    open_fees: Decimal = ZERO


class Fills:
    """Turns matched quantities into money. It uses no books and no queues."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self.world = world
        self.lifecycle = lifecycle

    def capacity(self, order: Order, price: int) -> int:
        """The steps that the order may execute now at a price in ticks."""
        if order.quote_budget is not None:
            return int(order.quote_left // (price * order.market.unit))
        if order.reduces:
            account = self.world.accounts[order.uid]
            position = account.position(order.market, order.position_idx)
            return min(order.leaves, position.closable(order.side))
        return order.leaves

    def affordable(self, order: Order, steps: int) -> int:
        """The steps, of those that an order would fill, that its account can carry now.

        Closing a position needs nothing. Steps that open one need free margin, which counts what
        the account's orders reserve, and a risk tier for the resulting value.
        """
        market = order.market
        if market.is_spot or order.reduces or not steps:
            return steps
        account = self.world.accounts[order.uid]
        position = account.position(market, order.position_idx)
        closable = position.closable(order.side)
        if steps <= closable:
            return steps
        margin = self.world.margin
        if margin.account_margin(account).free < 0 or not margin.fits_tier(
            position, abs(position.size + order.side * steps)
        ):
            return closable
        return steps

    def fill(
        self, order: Order, price: int, steps: int, is_maker: bool, exec_type: str = "Trade"
    ) -> Execution:
        """Executes `steps` of an order at a price in ticks; returns the execution."""
        world, market = self.world, order.market
        account = world.accounts[order.uid]
        value = price * steps * market.unit
        rate = account.fee_rate(market, is_maker)
        deal = Deal(price, steps, value, rate, is_maker, exec_type)
        if is_maker:
            market.own.same(order.side).resize(order.price, -steps)
        order.filled += steps
        order.value += price * steps
        order.fill_count += 1
        order.updated_ms = world.now
        if order.quote_budget is not None:
            order.qty += steps
            order.quote_left -= value
        if market.is_spot:
            item = self._spot(account, order, deal)
        else:
            self.lifecycle.count_down(account, order, steps)
            item = self._linear(account, order, deal)
        account.void_margin()
        order.fees[item.fee_coin] = order.fees.get(item.fee_coin, ZERO) + item.fee
        world.executions.setdefault(order.uid, []).append(item)
        world.emit(order.uid, "execution", market.category, execution_stream(item))
        world.moved[order.uid] = None
        return item

    def take(self, order: Order, price: int, steps: int) -> None:
        """Executes `steps` of a taker and tells the public of the trade."""
        self.publish(self.fill(order, price, steps, is_maker=False), order.side)

    def publish(self, item: Execution, taker: int) -> None:
        """Tells the public of a trade that the replay doesn't have; `taker` is +1 or -1."""
        market = item.market
        trade = MarketTrade(
            market.category,
            market.symbol,
            item.time_ms,
            int(item.price / market.tick),
            item.qty,
            "Buy" if taker > 0 else "Sell",
        )
        self.world.prints.append(Print(trade, item.seq, item.exec_id))

    # Linear

    def _linear(self, account: Account, order: Order, deal: Deal) -> Execution:
        """Closes the opposite position first, then opens the rest.

        Profit and fee are booked in the settle coin.
        """
        market, world, steps = order.market, self.world, deal.steps
        position = account.position(market, order.position_idx)
        fee = deal.value * deal.rate
        closed = self._close(position, order.side, steps)
        exit_value = deal.price * closed.steps * market.unit
        pnl = order.side * (closed.entry_value - exit_value)
        part = fee * closed.steps / steps
        close_fee = fee if closed.steps == steps else part.quantize(EIGHT)
        opened = steps - closed.steps
        self._open(position, order.side, opened, deal.price, fee - close_fee)
        self._note_result(account, position, pnl - fee)
        if closed.steps:
            self._note_closing(account, order, deal, closed, exit_value, pnl, close_fee)
        if opened and order.exits is not None:
            world.attach[order.order_id] = world.attach.get(order.order_id, 0) + opened
        coin = market.quote
        item = self._execution(order, deal, position.seq, fee, coin, closed.steps, pnl)
        kind = LOG_KIND[deal.exec_type]
        size = plain(market.quantity(position.size))
        self._book(account, order, item, coin, kind=kind, cash_flow=pnl, fee=fee, size=size)
        world.note_position(account, position)
        return item

    def _close(self, position: Position, side: int, steps: int) -> Closed:
        """Closes up to `steps` of an opposite position.

        The share of a partial close is rounded once and subtracted, so that no amount is lost.
        """
        count = min(steps, position.closable(side))
        if not count:
            return Closed()
        held = abs(position.size)
        if count == held:
            closed = Closed(count, position.cost, position.open_fees)
        else:
            entry_value = (position.cost * count / held).quantize(EIGHT)
            closed = Closed(count, entry_value, (position.open_fees * count / held).quantize(EIGHT))
        position.cost -= closed.entry_value
        position.open_fees -= closed.open_fees
        position.size += side * count
        return closed

    def _open(self, position: Position, side: int, steps: int, price: int, fee: Decimal) -> None:
        if not steps:
            return
        now = self.world.now
        if not position.size:
            position.opened_ms = now
            position.created_ms = position.created_ms or now
            position.cur_realised = ZERO
        position.size += side * steps
        position.cost += price * steps * position.market.unit
        position.open_fees += fee

    def _note_result(self, account: Account, position: Position, result: Decimal) -> None:
        """Counts a realised result, fee included.

        An account without a position in the market is no longer one of its holders.
        """
        market = position.market
        position.cur_realised += result
        position.cum_realised += result
        position.seq = self.world.next_seq()
        position.updated_ms = self.world.now
        account.realised[market.quote] = account.realised.get(market.quote, ZERO) + result
        if not position.size:
            position.extra = ZERO
        sizes = (account.positions.get((market.symbol, idx)) for idx in (0, 1, 2))
        if not any(held is not None and held.size for held in sizes):
            market.holders.pop(account.uid, None)

    @staticmethod
    def _note_closing(
        account: Account,
        order: Order,
        deal: Deal,
        closed: Closed,
        exit_value: Decimal,
        pnl: Decimal,
        close_fee: Decimal,
    ) -> None:
        """Adds the closed part to the order's sums for `closed-pnl`."""
        order.closed_pnl += pnl - close_fee - closed.open_fees
        order.closed_size += closed.steps
        order.closed_entry_value += closed.entry_value
        order.closed_exit_value += exit_value
        order.closed_open_fees += closed.open_fees
        order.closed_close_fees += close_fee
        order.exec_type = deal.exec_type
        account.closing.pop(order.order_id, None)
        account.closing[order.order_id] = order

    # Spot

    def _spot(self, account: Account, order: Order, deal: Deal) -> Execution:
        """Swaps the coins. A fee is booked in the coin received, a rebate in the coin given."""
        market = order.market
        base_qty = market.quantity(deal.steps)
        fee_in_base = (order.side > 0) == (deal.rate >= 0)
        fee = (base_qty if fee_in_base else deal.value) * deal.rate
        coin = market.base if fee_in_base else market.quote
        item = self._execution(order, deal, self.world.next_seq(), fee, coin, 0, ZERO)
        for moved, flow in ((market.base, base_qty), (market.quote, -deal.value)):
            paid = fee if moved == coin else ZERO
            self._book(
                account, order, item, moved, kind="TRADE", cash_flow=order.side * flow, fee=paid
            )
        self.lifecycle.sync_lock(account, order)
        return item

    # Both

    def _book(
        self,
        account: Account,
        order: Order,
        item: Execution,
        coin: str,
        *,
        kind: str,
        cash_flow: Decimal,
        fee: Decimal,
        size: str = "",
    ) -> None:
        market = order.market
        self.world.ledger.book(
            account,
            coin,
            seq=item.seq,
            time_ms=item.time_ms,
            category=market.category,
            symbol=market.symbol,
            kind=kind,
            cash_flow=cash_flow,
            fee=fee,
            side=SIDE_NAME[order.side],
            qty=plain(market.quantity(item.qty)),
            size=size,
            price=grid(item.price),
            fee_rate=plain(item.fee_rate),
            order_id=order.order_id,
            link_id=order.link_id,
            trade_id=item.exec_id,
        )

    def _execution(
        self, order: Order, deal: Deal, seq: int, fee: Decimal, coin: str, closed: int, pnl: Decimal
    ) -> Execution:
        market = order.market
        return Execution(
            uid=order.uid,
            market=market,
            seq=seq,
            exec_id=self.world.exec_id(market),
            time_ms=self.world.now,
            order_id=order.order_id,
            link_id=order.link_id,
            side=order.side,
            order_type="Market" if order.is_market else "Limit",
            order_price=order.price,
            order_qty=order.qty,
            leaves=order.leaves,
            stop_order_type=order.stop_order_type,
            create_type=order.create_type,
            market_unit=order.market_unit,
            price=market.price(deal.price),
            qty=deal.steps,
            value=deal.value,
            fee=fee,
            fee_coin=coin,
            fee_rate=deal.rate,
            is_maker=deal.is_maker,
            exec_type=deal.exec_type,
            mark=market.mark(),
            index=market.index,
            closed_size=closed,
            pnl=pnl,
        )
