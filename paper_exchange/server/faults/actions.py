"""Forced events: changes to an account by the exchange or another client, on demand."""

import dataclasses
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from paper_exchange.server.call import Call
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.exchange import Exchange
from paper_exchange.server.faults.steering import Steering
from paper_exchange.server.rest import trade
from paper_exchange.server.rest.strict import CREATE, Strictness, check_body
from paper_exchange.server.wire import plain
from paper_exchange.types import Category, InstrumentSpec, MarkUpdate, Reject

CANCEL_TYPES = frozenset(
    {
        "CancelByAdmin",
        "CancelByReduceOnly",
        "CancelAllBeforeLiq",
        "CancelByPrepareLiq",
        "CancelAllBeforeAdl",
        "CancelByPrepareAdl",
        "CancelBySettle",
        "CancelByDCP",
    }
)

Body = Mapping[str, Any]
Result = dict[str, object]


class Actions:
    """Each public method is one action; `run` looks it up by name."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.table: Mapping[str, Callable[[Body], Result]] = {
            "cache_restart": self.cache_restart,
            "forced_cancel": self.forced_cancel,
            "foreign_order": self.foreign_order,
            "foreign_position": self.foreign_position,
            "instrument_change": self.instrument_change,
            "mark_shift": self.mark_shift,
            "liquidation": self.liquidation,
            "adl": self.adl,
            "funding": self.funding,
            "transfer": self.transfer,
            "close_sockets": self.close_sockets,
            "ban": self.ban,
            "pardon": self.pardon,
            **Steering(exchange).table,
        }

    def run(self, name: str, body: Body) -> Result:
        """Runs an action by its name and journals it. Raises Reject for an unknown name."""
        action = self.table.get(name)
        if action is None:
            raise Reject(10001, f"unknown action {name}; known: {', '.join(sorted(self.table))}")
        self._exchange.venue.catch_up()
        result = action(body)
        self._exchange.venue.journal("forced", {"what": name, **body, "result": result})
        self._exchange.venue.touched()
        return result

    def cache_restart(self, _body: Body) -> Result:
        """Makes order/realtime forget its closed orders."""
        self._exchange.paper.restart_cache()
        return {}

    def forced_cancel(self, body: Body) -> Result:
        """Cancels open orders of `uid`: by orderId, orderLinkId, symbol, or all."""
        uid = self._uid(body)
        kind = str(body.get("cancelType", "CancelByAdmin"))
        if kind not in CANCEL_TYPES:
            raise Reject(10001, f"cancelType must be one of {', '.join(sorted(CANCEL_TYPES))}")
        if "orderId" in body:
            wanted = [str(body["orderId"])]
        else:
            names = ("symbol", "orderLinkId")
            scope = {name: str(body[name]) for name in names if name in body}
            wanted = [
                order_id
                for category in ("linear", "spot")
                for order_id in self._exchange.open_order_ids(uid, category, scope)
            ]
        for order_id in wanted:
            self._exchange.paper.force_cancel(uid, order_id, kind)
        return {"cancelled": wanted}

    def foreign_order(self, body: Body) -> Result:
        """Places an order that the client did not send. `order` has the fields of order/create."""
        order = body.get("order")
        if not isinstance(order, dict):
            raise Reject(10001, "order must be an object with the fields of order/create")
        return self._create(self._uid(body), check_body(order, CREATE, Strictness(strict=True)))

    def foreign_position(self, body: Body) -> Result:
        """Trades `side` `qty` of `symbol` at market on this account, as another client would."""
        order = {
            "category": "linear",
            "symbol": body.get("symbol"),
            "side": body.get("side", "Buy"),
            "orderType": "Market",
            "qty": body.get("qty"),
        }
        return self._create(self._uid(body), check_body(order, CREATE, Strictness(strict=True)))

    def _create(self, uid: str, order: dict[str, Any]) -> Result:
        key = self._exchange.accounts[uid].keys[0]
        call = Call(self._exchange, self._exchange.venue.now_ms, key)
        before = trade.position_before(call, order)
        result = self._exchange.paper.inject_foreign_order(uid, order)
        trade.note_create(call, order, result, before, origin="foreign")
        return dict(result)

    def instrument_change(self, body: Body) -> Result:
        """Puts new rules in force, such as tick_size, qty_step, min_qty, max_*, status."""
        spec = self._spec(body)
        changes: dict[str, Any] = {}
        for name, value in body.items():
            if name in ("category", "symbol"):
                continue
            known = getattr(spec, name, None)
            if isinstance(known, Decimal):
                changes[name] = Decimal(str(value))
            elif name == "status":
                changes[name] = str(value)
            else:
                raise Reject(10001, f"{name} can't be changed")
        changed = dataclasses.replace(spec, **changes)
        try:
            self._exchange.paper.update_instrument(changed)
        except ValueError as error:
            raise Reject(10001, str(error)) from error
        self._exchange.venue.replace_spec(changed)
        return {"changed": sorted(changes)}

    def mark_shift(self, body: Body) -> Result:
        """Multiplies the mark price by `factor` from now on; 1 ends it."""
        spec = self._spec(body)
        factor = Decimal(str(body.get("factor", "1")))
        if not Decimal("0.01") <= factor <= 100:
            raise Reject(10001, "factor must be between 0.01 and 100")
        self._shift(spec, factor)
        return {"factor": str(factor)}

    def _shift(self, spec: InstrumentSpec, factor: Decimal) -> None:
        venue = self._exchange.venue
        venue.mark_factor.pop(spec.key, None)
        if factor != 1:
            venue.mark_factor[spec.key] = factor
        known = venue.source_mark.get(spec.key)
        if known is None:
            raise Reject(10001, f"{spec.symbol} has no mark price yet")
        venue.inject(MarkUpdate(spec.category, spec.symbol, venue.now_ms, known))

    def liquidation(self, body: Body) -> Result:
        """Liquidates the position of `uid` at mark, whether its margin is used up or not."""
        uid, spec = self._uid(body), self._spec(body)
        self._exchange.paper.force_liquidation(uid, spec.symbol)
        return {"liquidated": spec.symbol}

    def adl(self, body: Body) -> Result:
        """Auto-deleverages: closes `qty`, or a `share`, of the position of `uid` at mark."""
        uid, spec = self._uid(body), self._spec(body)
        qty = body.get("qty")
        if qty is None:
            wanted = {"category": "linear", "symbol": spec.symbol}
            rows = self._exchange.paper.positions(uid, wanted)
            size = max(Decimal(row["size"]) for row in rows)
            steps = size * Decimal(str(body.get("share", "0.5"))) // spec.qty_step
            qty = plain(max(steps, Decimal(1)) * spec.qty_step)
        self._exchange.paper.force_adl(uid, spec.symbol, str(qty))
        return {"deleveraged": str(qty)}

    def funding(self, body: Body) -> Result:
        """Settles funding of one symbol now, at `rate` or at the present one."""
        spec = self._spec(body)
        world = self._exchange.paper.world
        market = world.market(spec.category, spec.symbol)
        if market.is_spot:
            raise Reject(10001, "spot has no funding")
        usual, planned = market.funding_rate, market.next_funding_ms
        if "rate" in body:
            market.funding_rate = Decimal(str(body["rate"]))
        timers = list(world.timers)
        world.effects["funding"](spec.symbol)
        # The regular payment keeps its time, because this payment is an extra one.
        world.timers[:] = timers
        market.funding_rate, market.next_funding_ms = usual, planned
        self._exchange.paper.advance(world.now)
        self._exchange.paper.settlement.settle()
        return {"settled": spec.symbol}

    def transfer(self, body: Body) -> Result:
        """Deposits `amount` of `coin` to `uid`; a negative amount is a withdrawal.

        Default coin: USDT.
        """
        coin = str(body.get("coin", "USDT"))
        amount = Decimal(str(body.get("amount", "0")))
        if not amount.is_finite():
            raise Reject(10001, "amount must be a number")
        now = self._exchange.venue.now_ms
        self._exchange.paper.transfer(self._uid(body), coin, amount, now)
        return {"transferred": plain(amount), "coin": coin}

    def close_sockets(self, body: Body) -> Result:
        """Aborts all sockets of `kind` (public, private, trade), or all."""
        kind = body.get("kind")
        count = 0
        for connection in list(self._exchange.connections):
            if kind in (None, connection.kind):
                connection.abort()
                count += 1
        return {"aborted": count}

    def ban(self, body: Body) -> Result:
        """Bans an address: its requests are answered with 403."""
        seconds = float(body.get("seconds", self._exchange.settings.ip_ban_seconds))
        address = str(body.get("address", "127.0.0.1"))
        self._exchange.ip_limiter.ban(address, wall_ms(), seconds)
        return {"banned": address, "seconds": seconds}

    def pardon(self, _body: Body) -> Result:
        """Lifts all bans."""
        self._exchange.ip_limiter.pardon()
        return {}

    def _uid(self, body: Body) -> str:
        uid = str(body.get("uid", next(iter(self._exchange.accounts))))
        if uid not in self._exchange.accounts:
            raise Reject(10001, f"no account {uid}")
        return uid

    def _spec(self, body: Body) -> InstrumentSpec:
        category: Category = "spot" if body.get("category") == "spot" else "linear"
        return self._exchange.venue.spec(category, str(body.get("symbol", "")))
