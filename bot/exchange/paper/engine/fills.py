"""Applies one fill: to the order, the position or the coins, the ledger and the streams."""

from decimal import Decimal
from typing import Final

from bot.exchange.paper.engine.account import ZERO, Account, Position
from bot.exchange.paper.engine.instrument import Market
from bot.exchange.paper.engine.lifecycle import Lifecycle
from bot.exchange.paper.engine.numbers import EIGHT, grid, plain
from bot.exchange.paper.engine.orders import SIDE_NAME, Order
from bot.exchange.paper.engine.records import Execution, execution_stream
from bot.exchange.paper.engine.world import World

LOG_KIND: Final = {"Trade": "TRADE", "BustTrade": "LIQUIDATION", "AdlTrade": "ADL"}


class Fills:
    """Turns matched quantities into money. Knows nothing of books and queues."""

    def __init__(self, world: World, lifecycle: Lifecycle) -> None:
        self.world = world
        self.lifecycle = lifecycle

    def capacity(self, order: Order, price: int) -> int:
        """Steps that the order may execute at a price now."""
        if order.quote_budget is not None:
            return int(order.quote_left // (price * order.market.unit))
        if order.reduces:
            account = self.world.accounts[order.uid]
            position = account.position(order.market, order.position_idx)
            return min(order.leaves, position.closable(order.side))
        return order.leaves

    def fill(
        self, order: Order, price: int, steps: int, is_maker: bool, exec_type: str = "Trade"
    ) -> None:
        """Executes `steps` of an order at a price in ticks."""
        world, market = self.world, order.market
        account = world.accounts[order.uid]
        value = price * steps * market.unit
        rate = account.fee_rate(market, is_maker)
        order.filled += steps
        order.value += price * steps
        order.fill_count += 1
        order.updated_ms = world.now
        if order.quote_budget is not None:
            order.qty += steps
            order.quote_left -= value
        if market.is_spot:
            item = self._spot(account, order, price, steps, value, rate, is_maker, exec_type)
        else:
            self.lifecycle.count_down(account, order, steps)
            item = self._linear(account, order, price, steps, value, rate, is_maker, exec_type)
        order.fees[item.fee_coin] = order.fees.get(item.fee_coin, ZERO) + item.fee
        world.executions.setdefault(order.uid, []).append(item)
        world.emit(order.uid, "execution", market.category, execution_stream(item))
        world.moved[order.uid] = None

    def _linear(
        self,
        account: Account,
        order: Order,
        price: int,
        steps: int,
        value: Decimal,
        rate: Decimal,
        is_maker: bool,
        exec_type: str,
    ) -> Execution:
        market, world = order.market, self.world
        position = account.position(market, order.position_idx)
        fee = value * rate
        closed, entry_value, open_fees = self._close(position, order.side, steps)
        exit_value = price * closed * market.unit
        pnl = order.side * (entry_value - exit_value)
        close_fee = fee if closed == steps else (fee * closed / steps).quantize(EIGHT)
        self._open(position, order.side, steps - closed, price, fee - close_fee)
        position.cur_realised += pnl - fee
        position.cum_realised += pnl - fee
        position.seq = seq = world.next_seq()
        position.updated_ms = world.now
        self._note_holder(account, position)
        if closed:
            order.closed_pnl += pnl - close_fee - open_fees
            order.closed_size += closed
            order.closed_entry_value += entry_value
            order.closed_exit_value += exit_value
            order.closed_open_fees += open_fees
            order.closed_close_fees += close_fee
            order.exec_type = exec_type
            account.closing.pop(order.order_id, None)
            account.closing[order.order_id] = order
        opened = steps - closed
        if opened and order.exits is not None:
            world.attach[order.order_id] = world.attach.get(order.order_id, 0) + opened
        coin = market.quote
        account.realised[coin] = account.realised.get(coin, ZERO) + pnl - fee
        item = self._execution(
            account, order, seq, price, steps, value, fee, coin, rate, is_maker, exec_type,
            closed, pnl,
        )  # fmt: skip
        world.ledger.book(
            account,
            coin,
            seq=seq,
            time_ms=world.now,
            category="linear",
            symbol=market.symbol,
            kind=LOG_KIND[exec_type],
            cash_flow=pnl,
            fee=fee,
            side=SIDE_NAME[order.side],
            qty=plain(market.quantity(steps)),
            size=plain(market.quantity(position.size)),
            price=grid(market.price(price)),
            fee_rate=plain(rate),
            order_id=order.order_id,
            link_id=order.link_id,
            trade_id=item.exec_id,
        )
        world.note_position(account, position)
        return item

    def _close(self, position: Position, side: int, steps: int) -> tuple[int, Decimal, Decimal]:
        """Takes up to `steps` off an opposite position: steps, their entry value and open fees.

        The share of a partial close is rounded once and subtracted, so nothing is ever lost.
        """
        closed = min(steps, position.closable(side))
        if not closed:
            return 0, ZERO, ZERO
        held = abs(position.size)
        if closed == held:
            entry_value, open_fees = position.cost, position.open_fees
        else:
            entry_value = (position.cost * closed / held).quantize(EIGHT)
            open_fees = (position.open_fees * closed / held).quantize(EIGHT)
        position.cost -= entry_value
        position.open_fees -= open_fees
        position.size += side * closed
        return closed, entry_value, open_fees

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

    def _note_holder(self, account: Account, position: Position) -> None:
        """Keeps track of who holds a position here."""
        market = position.market
        sizes = (account.positions.get((market.symbol, idx)) for idx in (0, 1, 2))
        if not any(held is not None and held.size for held in sizes):
            market.holders.pop(account.uid, None)
        account.void_margin()

    def _spot(
        self,
        account: Account,
        order: Order,
        price: int,
        steps: int,
        value: Decimal,
        rate: Decimal,
        is_maker: bool,
        exec_type: str,
    ) -> Execution:
        """Swaps coins. The fee is taken from what is received; a rebate from what is given."""
        market, world = order.market, self.world
        base_qty = market.quantity(steps)
        receives_base = order.side > 0
        fee_in_base = receives_base == (rate >= 0)
        fee = (base_qty if fee_in_base else value) * rate
        coin = market.base if fee_in_base else market.quote
        seq = world.next_seq()
        item = self._execution(
            account, order, seq, price, steps, value, fee, coin, rate, is_maker, exec_type, 0, ZERO
        )
        for moved, flow in ((market.base, base_qty), (market.quote, -value)):
            world.ledger.book(
                account,
                moved,
                seq=seq,
                time_ms=world.now,
                category="spot",
                symbol=market.symbol,
                kind="TRADE",
                cash_flow=order.side * flow,
                fee=fee if moved == coin else ZERO,
                side=SIDE_NAME[order.side],
                qty=plain(base_qty),
                price=grid(market.price(price)),
                fee_rate=plain(rate),
                order_id=order.order_id,
                link_id=order.link_id,
                trade_id=item.exec_id,
            )
        self.lifecycle.sync_lock(account, order)
        account.void_margin()
        return item

    def _execution(
        self,
        account: Account,
        order: Order,
        seq: int,
        price: int,
        steps: int,
        value: Decimal,
        fee: Decimal,
        coin: str,
        rate: Decimal,
        is_maker: bool,
        exec_type: str,
        closed: int,
        pnl: Decimal,
    ) -> Execution:
        market: Market = order.market
        return Execution(
            uid=account.uid,
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
            price=market.price(price),
            qty=steps,
            value=value,
            fee=fee,
            fee_coin=coin,
            fee_rate=rate,
            is_maker=is_maker,
            exec_type=exec_type,
            mark=market.mark(),
            index=market.index,
            closed_size=closed,
            pnl=pnl,
        )
