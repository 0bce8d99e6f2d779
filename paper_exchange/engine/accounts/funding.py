"""Funding payments between longs and shorts at fixed times of the exchange's clock."""

from typing import Final

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.numbers import EIGHT, plain
from paper_exchange.engine.orders.order import SIDE_NAME
from paper_exchange.engine.records import Execution, execution_stream
from paper_exchange.engine.world import World

MINUTE_MS: Final = 60_000


class Funding:
    """Pays funding: position value at mark times the rate.

    With a positive rate longs pay shorts.
    """

    def __init__(self, world: World) -> None:
        self.world = world
        world.effects["funding"] = self.effect_funding

    def start(self, now: int) -> None:
        """Schedules the first payment of every perpetual after a given time in milliseconds."""
        for market in self.world.markets.values():
            if not market.is_spot:
                self._schedule(market, now)

    def _schedule(self, market: Market, after: int) -> None:
        interval = market.spec.funding_interval_minutes * MINUTE_MS
        market.next_funding_ms = (after // interval + 1) * interval
        self.world.schedule_at(market.next_funding_ms, "funding", market.symbol)

    def effect_funding(self, symbol: str) -> None:
        """Pays one symbol's funding for every open position, and schedules the next."""
        market = self.world.markets["linear", symbol]
        for uid in list(market.holders):
            account = self.world.accounts[uid]
            for idx in (0, 1, 2):
                position = account.positions.get((symbol, idx))
                if position is not None and position.size:
                    self._pay(account, position)
        self._schedule(market, self.world.now)

    def _pay(self, account: Account, position: Position) -> None:
        world, market = self.world, position.market
        mark, rate = market.mark(), market.funding_rate
        if mark is None or not rate:
            return
        value = position.quantity() * mark
        payment = (position.side * value * rate).quantize(EIGHT)
        position.cur_realised -= payment
        position.cum_realised -= payment
        position.updated_ms = world.now
        position.seq = seq = world.next_seq()
        coin = market.quote
        account.realised[coin] = account.realised.get(coin, ZERO) - payment
        order_id = f"{world.now // 1000}-8-{account.uid}-{position.idx}-{seq}"
        item = Execution(
            uid=account.uid,
            market=market,
            seq=seq,
            exec_id=world.exec_id(market),
            time_ms=world.now,
            order_id=order_id,
            link_id="",
            side=position.side,
            order_type="UNKNOWN",
            order_price=0,
            order_qty=0,
            leaves=0,
            stop_order_type="",
            create_type="",
            market_unit="",
            price=mark,
            qty=abs(position.size),
            value=value,
            fee=payment,
            fee_coin=coin,
            fee_rate=rate,
            is_maker=False,
            exec_type="Funding",
            mark=mark,
            index=market.index,
            closed_size=0,
            pnl=ZERO,
        )
        world.executions.setdefault(account.uid, []).append(item)
        world.emit(account.uid, "execution", "linear", execution_stream(item))
        world.ledger.book(
            account,
            coin,
            seq=seq,
            time_ms=world.now,
            category="linear",
            symbol=market.symbol,
            kind="SETTLEMENT",
            funding=-payment,
            side=SIDE_NAME[position.side],
            qty=plain(position.quantity()),
            size=plain(market.quantity(position.size)),
            price=plain(mark),
            fee_rate=plain(rate),
            order_id=order_id,
            trade_id=item.exec_id,
        )
        account.void_margin()
        world.note_position(account, position)
