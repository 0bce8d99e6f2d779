"""Checks a new order. A check can refuse it before anything is changed."""

from decimal import Decimal

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.numbers import grid
from paper_exchange.engine.orders.filters import NewOrder, check_notional
from paper_exchange.engine.orders.lifecycle import spot_hold
from paper_exchange.engine.orders.order import SIDE_NAME, Exits, Order
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.orders.triggers import RISES
from paper_exchange.engine.world import World


class Acceptance:
    """Checks a request and prepares its order, before any effect."""

    def __init__(self, world: World) -> None:
        self.world = world

    def prepare(self, account: Account, market: Market, new: NewOrder) -> Order:
        """Makes all checks that can refuse an order. Nothing is changed before it returns."""
        self._check_status(market, new)
        if new.link_id and new.link_id in account.links:
            raise reject("link_duplicate", spot=market.is_spot)
        self._check_capacity(account, market, new)
        order = self._build(account, market, new)
        if order.trigger is not None:
            self._check_trigger(order)
        if not market.is_spot:
            self._check_position(account, order)
        if order.trigger is None:
            self._check_value(order)
        if order.exits is not None:
            check_exit_sides(market, order.side, self._exit_base(order), order.exits)
        if holds_funds(order):
            self.check_funds(account, order)
        order.order_id = self.world.order_id(market)
        if market.is_spot and not order.link_id:
            order.link_id = self.world.numeric_id()
        return order

    def _check_status(self, market: Market, new: NewOrder) -> None:
        status = market.spec.status
        if status == "Trading":
            return
        if status == "Delivering" and not market.is_spot:
            if not new.reduce_only:
                raise reject("reduce_mode")
            return
        raise reject("not_live", spot=market.is_spot)

    def _check_capacity(self, account: Account, market: Market, new: NewOrder) -> None:
        settings = self.world.settings
        conditional = new.trigger is not None
        symbol = "" if market.is_spot and not conditional else market.symbol
        slot = "stop" if conditional else "active"
        count = account.active.get((market.category, symbol, slot), 0)
        if conditional:
            spot_most = settings.max_spot_conditional_orders
            most = spot_most if market.is_spot else settings.max_conditional_orders
            if count >= most:
                raise reject("too_many_stops", spot=market.is_spot)
        elif count >= settings.max_active_orders:
            raise reject("too_many_active", spot=market.is_spot)

    def _build(self, account: Account, market: Market, new: NewOrder) -> Order:
        price = self._market_price(market, new) if new.is_market else new.price
        if not new.is_market and new.trigger is None:
            price = self.banded(account, market, new.side, price)
        idx = new.position_idx
        hedged = not market.is_spot and account.is_hedged(market.symbol)
        if (hedged and idx not in (1, 2)) or (not hedged and idx):
            raise reject("position_idx")
        closing = (idx == 1 and new.side < 0) or (idx == 2 and new.side > 0)
        return Order(
            uid=account.uid,
            market=market,
            order_id="",
            link_id=new.link_id,
            side=new.side,
            is_market=new.is_market,
            time_in_force=new.time_in_force,
            price=price,
            qty=new.qty,
            created_ms=self.world.now,
            updated_ms=self.world.now,
            reduce_only=new.reduce_only,
            close_on_trigger=new.close_on_trigger,
            position_idx=idx,
            reduces=new.reduce_only or closing or new.close_on_trigger,
            smp_type=new.smp_type,
            order_filter=new.order_filter,
            market_unit=new.market_unit,
            quote_budget=new.quote_budget,
            quote_left=new.quote_budget or ZERO,
            slippage_type=new.slippage_type,
            slippage=new.slippage,
            trigger=new.trigger,
            exits=new.exits,
            stop_order_type="Stop" if new.trigger is not None else "",
            last_on_created=market.last,
        )

    def _market_price(self, market: Market, new: NewOrder) -> int:
        """The bound of a Market order: the band's, or the caller's own if that is tighter.

        The bound is in ticks.
        """
        bound = self.market_bound(market, new.side, new.slippage_type, new.slippage)
        if bound is not None:
            return bound
        if new.trigger is not None:
            return 0
        raise reject("no_price", spot=market.is_spot)

    def market_bound(self, market: Market, side: int, kind: str, slippage: str) -> int | None:
        """The worst price of a market order: the band's bound, or its own slippage bound.

        The tighter of the two applies. The price is in ticks. It is None while the market has no
        reference price.
        """
        bound = market.market_bound(side)
        touch = market.best(-side)
        if bound is None or not kind or touch is None:
            return bound
        if kind == "TickSize":
            own = touch + side * int(slippage) * int(market.spec.tick_size / market.tick)
        else:
            price = market.price(touch) * (1 + side * Decimal(slippage) / 100)
            own = market.floor_ticks(price) if side > 0 else market.ceil_ticks(price)
        return min(bound, own) if side > 0 else max(bound, own)

    def banded(self, account: Account, market: Market, side: int, price: int) -> int:
        """Moves a futures price beyond the band to the band, or refuses it, as the account has set.

        A spot price beyond the band is always refused.
        """
        band = market.band_ticks()
        if band is None:
            return price
        high, low = band
        beyond = price > high if side > 0 else price < low
        if not beyond:
            return price
        bound = high if side > 0 else low
        if market.is_spot or not account.reprice:
            reason = "price_high" if side > 0 else "price_low"
            raise reject(reason, grid(market.price(bound)), spot=market.is_spot)
        return bound

    def _check_trigger(self, order: Order) -> None:
        """Sets a missing trigger direction. Refuses a trigger that the price has already passed."""
        market, trigger = order.market, order.trigger
        if trigger is None:
            return
        current = self.trigger_reference(market, trigger.by)
        if current is None:
            trigger.direction = trigger.direction or RISES
            return
        price = market.price(trigger.price)
        if not trigger.direction:
            trigger.direction = 1 if price > current else 2
        if trigger.direction == 1 and price <= current:
            raise reject("rising", grid(price), grid(current))
        if trigger.direction == 2 and price >= current:
            raise reject("falling", grid(price), grid(current))

    @staticmethod
    def trigger_reference(market: Market, by: str) -> Decimal | None:
        """The price that a trigger follows. Until it is known, the mark price stands in."""
        if by == "MarkPrice":
            return market.mark()
        if by == "IndexPrice":
            return market.index if market.index is not None else market.mark()
        return market.price(market.last) if market.last is not None else market.mark()

    @staticmethod
    def _exit_base(order: Order) -> Decimal:
        """The price around which attached exits must lie: trigger, limit or mark."""
        market = order.market
        if order.trigger is not None:
            return market.price(order.trigger.price)
        mark = market.mark()
        return market.price(order.price) if mark is None or not order.is_market else mark

    def _check_position(self, account: Account, order: Order) -> None:
        """Cuts a reducing order to its position. Refuses it when there is nothing to reduce."""
        if not order.reduces or order.trigger is not None:
            return
        position = account.position(order.market, order.position_idx)
        closable = position.closable(order.side)
        if not closable:
            raise reject("reduce_none")
        order.qty = min(order.qty or self._most(order), closable)

    @staticmethod
    def _most(order: Order) -> int:
        """The steps that an order without a quantity may close: the maximum size of one order."""
        spec = order.market.spec
        most = spec.max_market_qty if order.is_market else spec.max_limit_qty
        return int(most / order.market.step)

    def _check_value(self, order: Order) -> None:
        """Refuses an order below the minimum notional.

        Reducing orders and orders sized by value are exempt.
        """
        market = order.market
        if order.reduces or order.quote_budget is not None:
            return
        price = market.price(order.price)
        if order.is_market:
            price = market.mark() or price
        check_notional(market, price * market.quantity(order.qty))

    def check_funds(self, account: Account, order: Order) -> None:
        """Refuses an order that free margin (linear) or free coins (spot) don't cover.

        An order is never refused for money if it only shrinks a position together with the other
        orders of its side.
        """
        margin = self.world.margin
        if order.is_spot:
            coin, amount = spot_hold(order)
            free = account.balance(coin) - account.locked.get(coin, ZERO)
            worth = margin.worth(account, coin)
            if worth and account.positions:
                free = min(free, margin.account_margin(account).free / worth)
            if amount > free:
                raise reject("funds", spot=True)
            return
        if order.reduces:
            return
        position = account.position(order.market, order.position_idx)
        loss = self.loss_of(account, order)
        waiting = position.buying if order.side > 0 else position.selling
        if order.leaves + waiting <= position.closable(order.side):
            order.reserved_loss = loss
            return
        buying, selling = (order.leaves, 0) if order.side > 0 else (0, order.leaves)
        self._check_risk_limit(position, buying, selling)
        before = margin.position_margin(account, position)
        after = margin.position_margin(account, position, buying, selling)
        total = margin.account_margin(account, position, buying, selling, loss)
        if (after.order_im > before.order_im or loss) and total.free < 0:
            raise reject("funds")
        order.reserved_loss = loss

    def loss_of(self, account: Account, order: Order) -> Decimal:
        """The loss if the order trades at its limit instead of at mark.

        The loss is in quote coin and includes the fee.
        """
        market = order.market
        mark = market.mark()
        if mark is None:
            return ZERO
        worse = order.side * (market.price(order.price) - mark)
        if worse <= 0:
            return ZERO
        rate = 1 + account.config.linear_taker_rate
        return worse * market.quantity(order.leaves) * rate

    def _check_risk_limit(self, position: Position, buying: int, selling: int) -> None:
        """Refuses an order if its worse side fits into no tier with the position's leverage."""
        long = abs(position.size + position.buying + buying)
        short = abs(position.size - position.selling - selling)
        if not self.world.margin.fits_tier(position, max(long, short)):
            raise reject("risk_limit")


def holds_funds(order: Order) -> bool:
    """Whether the order holds margin or coins now.

    A conditional order needs them only once it is triggered. A spot `tpslOrder` needs them at once.
    """
    return order.trigger is None or (order.is_spot and order.order_filter == "tpslOrder")


def check_exit_sides(market: Market, side: int, base: Decimal, exits: Exits) -> None:
    """Refuses an exit on the wrong side of the base price.

    A take-profit lies beyond the base price in the position's direction. A stop-loss lies on the
    other side.
    """
    for name, ticks, beyond in (
        ("TakeProfit", exits.take_profit, side),
        ("StopLoss", exits.stop_loss, -side),
    ):
        if ticks is None:
            continue
        price = market.price(ticks)
        if beyond * (price - base) <= 0:
            where = "higher" if beyond > 0 else "lower"
            text = f"{name}:{grid(price)} set for {SIDE_NAME[side]} position should be {where}"
            raise reject("exit_side", f"{text} than base_price:{grid(base)}")
