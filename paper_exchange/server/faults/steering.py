"""A test's hand on the market: prices, prints, fills, the clock and the lists of orders."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from paper_exchange.engine.orders.staging import StagedFill
from paper_exchange.market.factory import open_source
from paper_exchange.server.exchange import Exchange
from paper_exchange.types import Category, InstrumentSpec, MarketTrade, MarkUpdate, Reject

Body = Mapping[str, Any]
Result = dict[str, object]
MAX_STEP_MS = 3_600_000
"""The longest step of the clock: a longer one would keep the exchange from answering."""


class Steering:
    """Actions of the control API that steer the market. `table` names them."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self.table: Mapping[str, Callable[[Body], Result]] = {
            "set_price": self.set_price,
            "release_price": self.release_price,
            "print_trade": self.print_trade,
            "fill_next": self.fill_next,
            "fill_rest": self.fill_rest,
            "hide_order": self.hide_order,
            "freeze_clock": self.freeze_clock,
            "step_clock": self.step_clock,
            "resume_clock": self.resume_clock,
            "load_recording": self.load_recording,
        }

    # Prices

    def set_price(self, body: Body) -> Result:
        """Fixes `last`, `mark` and `index` of `symbol`, as far as given, until `release_price`.

        The last price is printed as a trade of the smallest quantity.
        """
        spec, pins = self._spec(body), self._exchange.venue.pins
        prices = {name: _price(body, name) for name in ("last", "mark", "index") if name in body}
        if not prices:
            raise Reject(10001, "give last, mark or index")
        if "mark" in prices:
            pins.mark[spec.key] = prices["mark"]
        if "index" in prices:
            pins.index[spec.key] = prices["index"]
        if prices.keys() & {"mark", "index"}:
            self._refresh(spec, prices.get("mark"), prices.get("index"))
        if "last" in prices:
            pins.last.add(spec.key)
            self._print(spec, prices["last"], spec.min_qty, str(body.get("side", "Buy")))
        return {name: str(price) for name, price in prices.items()}

    def release_price(self, body: Body) -> Result:
        """Lets the source move every price of `symbol` again."""
        spec, pins = self._spec(body), self._exchange.venue.pins
        pins.last.discard(spec.key)
        pins.mark.pop(spec.key, None)
        pins.index.pop(spec.key, None)
        self._refresh(spec, None, None)
        return {"released": spec.symbol}

    def _refresh(self, spec: InstrumentSpec, mark: Decimal | None, index: Decimal | None) -> None:
        """Applies the reference prices again. The source's own stand behind the fixed ones."""
        venue = self._exchange.venue
        known = venue.source_mark.get(spec.key, mark)
        index = venue.pins.source_index.get(spec.key, index)
        venue.inject(MarkUpdate(spec.category, spec.symbol, venue.now_ms, known, index))

    def print_trade(self, body: Body) -> Result:
        """Prints a trade of `symbol` at `price` for `qty`; `side` is the taker's."""
        spec = self._spec(body)
        price, qty = _price(body, "price"), _price(body, "qty")
        self._print(spec, price, qty, str(body.get("side", "Buy")))
        return {"printed": str(price), "qty": str(qty)}

    def _print(self, spec: InstrumentSpec, price: Decimal, qty: Decimal, side: str) -> None:
        if side not in ("Buy", "Sell"):
            raise Reject(10001, "side must be Buy or Sell")
        grid = self._exchange.venue.tapes[spec.key].grid
        if price % grid.tick_size or qty % grid.qty_step:
            raise Reject(10001, f"not on the grid {grid.tick_size} / {grid.qty_step}")
        trade = MarketTrade(
            spec.category,
            spec.symbol,
            self._exchange.venue.now_ms,
            int(price / grid.tick_size),
            int(qty / grid.qty_step),
            "Buy" if side == "Buy" else "Sell",
        )
        self._exchange.venue.inject(trade)

    # Fills

    def fill_next(self, body: Body) -> Result:
        """Fills `share` of the next order at once, and holds the rest away from the market.

        The rest fills after `rest_after_ms` of exchange time, else by `fill_rest`. `uid` and
        `symbol` choose the order.
        """
        share = Decimal(str(body.get("share", "0.3")))
        if not 0 <= share <= 1:
            raise Reject(10001, "share must be from 0 to 1")
        after = body.get("rest_after_ms")
        if after is not None and (not isinstance(after, int) or after < 0):
            raise Reject(10001, "rest_after_ms must be a whole number, at least 0")
        plan = StagedFill(share, after, body.get("uid"), body.get("symbol"))
        self._exchange.paper.stage_fill(plan)
        return {"share": str(share), "rest_after_ms": after}

    def fill_rest(self, body: Body) -> Result:
        """Fills what is left of a held order, by `orderId` or `orderLinkId`."""
        uid, order_id = self._order(body)
        self._exchange.paper.fill_rest(uid, order_id, self._exchange.venue.now_ms)
        self._exchange.venue.touched(uid, order_id)
        return {"filled": order_id}

    def hide_order(self, body: Body) -> Result:
        """Hides an order from every list for `seconds` of exchange time, or for ever without."""
        _, order_id = self._order(body)
        until = None
        if "seconds" in body:
            until = self._exchange.venue.now_ms + int(float(body["seconds"]) * 1000)
        self._exchange.faults.hidden[order_id] = until
        return {"hidden": order_id, "until": until}

    # Clock and source

    def freeze_clock(self, _body: Body) -> Result:
        """Stops exchange time and the market. Signatures stay on wall time."""
        self._exchange.venue.freeze()
        return {"now": self._exchange.venue.now_ms}

    def step_clock(self, body: Body) -> Result:
        """Moves the frozen clock forward by `ms`. The market of that time is replayed."""
        milliseconds = body.get("ms")
        if not isinstance(milliseconds, int) or not 0 < milliseconds <= MAX_STEP_MS:
            raise Reject(10001, f"ms must be a whole number from 1 to {MAX_STEP_MS}")
        return {"now": self._exchange.venue.step(milliseconds)}

    def resume_clock(self, _body: Body) -> Result:
        """Lets the clock run again. It jumps to the present."""
        self._exchange.venue.thaw()
        return {"now": self._exchange.venue.catch_up()}

    def load_recording(self, body: Body) -> Result:
        """Goes on with another market: `market` as on the command line, and its `recordings`."""
        recordings = body.get("recordings")
        try:
            source = open_source(
                str(body.get("market", "bybit")),
                seed=int(body.get("seed", 1)),
                symbols=body.get("symbols"),
                recordings=Path(recordings) if recordings is not None else None,
            )
        except (ValueError, OSError) as error:
            raise Reject(10001, str(error)) from error
        self._exchange.venue.play(source)
        return {"instruments": sorted(spec.symbol for spec in source.instruments())}

    # Look-ups

    def _order(self, body: Body) -> tuple[str, str]:
        """Account and id of the order that a request names."""
        accounts = self._exchange.paper.world.accounts
        uid = str(body.get("uid", next(iter(accounts))))
        if uid not in accounts:
            raise Reject(10001, f"no account {uid}")
        account = accounts[uid]
        order_id = str(body.get("orderId") or account.links.get(str(body.get("orderLinkId")), ""))
        if order_id not in account.orders:
            raise Reject(10001, "no such order: give its orderId or orderLinkId")
        return uid, order_id

    def _spec(self, body: Body) -> InstrumentSpec:
        category: Category = "spot" if body.get("category") == "spot" else "linear"
        return self._exchange.venue.spec(category, str(body.get("symbol", "")))


def _price(body: Body, name: str) -> Decimal:
    """A positive number of a request. Raises Reject for any other value."""
    number = Decimal(str(body.get(name, "0")))
    if not number.is_finite() or number <= 0:
        raise Reject(10001, f"{name} must be a positive number")
    return number
