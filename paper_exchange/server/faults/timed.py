"""Faults that act on their own: at a time, at resting orders, or through the engine's state."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from paper_exchange.server.faults.catalogue import Fault
from paper_exchange.server.wire import plain
from paper_exchange.types import InstrumentSpec, PrivateEvent, Reject

if TYPE_CHECKING:
    from paper_exchange.server.exchange import Exchange

CANCEL_TYPES = {
    "forced_cancel_admin": "CancelByAdmin",
    "forced_cancel_reduce_only": "CancelByReduceOnly",
    "forced_cancel_liq": "CancelAllBeforeLiq",
}
RESTING_SHARE = Decimal("0.99")
"""A foreign order rests one per cent below the best bid."""
_RESTING = frozenset({"New", "PartiallyFilled", "Untriggered"})


class TimedFaults:
    """Watches the fault board and the private events. It acts through the control actions."""

    def __init__(self, exchange: "Exchange") -> None:
        self._exchange = exchange
        self._timers: dict[int, asyncio.TimerHandle] = {}
        self._lags = (0, 0)
        self.run: Callable[[str, Mapping[str, Any]], Mapping[str, Any]] | None = None
        """The control API's actions, set once it is built."""
        self.on_orders: Callable[[Sequence[PrivateEvent]], None] | None = None
        """Hears every private event; a scenario counts orders by it."""

    def start(self) -> None:
        """Begins to watch the fault board."""
        self._exchange.faults.on_change = self._changed
        self._changed()

    def close(self) -> None:
        """Stops every timer."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _changed(self) -> None:
        faults = self._exchange.faults
        lags = (
            int(faults.option("realtime_lag", "ms") or 0),
            int(faults.option("history_lag", "ms") or 0),
        )
        if lags != self._lags:
            self._lags = lags
            self._exchange.paper.set_delays(realtime_lag_ms=lags[0], history_lag_ms=lags[1])
        active = {fault.id: fault for fault in faults.of("timed")}
        for ident in self._timers.keys() - active.keys():
            self._timers.pop(ident).cancel()
        for ident, fault in active.items():
            if ident not in self._timers and not fault.fired:
                if fault.remaining is None and not fault.options["every_ms"]:
                    fault.remaining = 1
                self._arm(fault, fault.options["after_ms"])

    def _arm(self, fault: Fault, milliseconds: float) -> None:
        loop = asyncio.get_running_loop()
        self._timers[fault.id] = loop.call_later(milliseconds / 1000, self._act, fault)

    def _act(self, fault: Fault) -> None:
        del self._timers[fault.id]
        for spec in list(self._exchange.venue.specs.values()):
            if spec.category != "linear" or not fault.strikes(spec.symbol):
                continue
            action, body = self._action(fault, spec)
            self._perform(action, body)
            break
        if fault.remaining != 0 and fault.options["every_ms"]:
            self._arm(fault, fault.options["every_ms"])

    def _perform(self, action: str, body: Mapping[str, Any]) -> None:
        if self.run is None:
            return
        try:
            self.run(action, body)
        except Reject as refusal:
            self._exchange.venue.journal(
                "forced", {"what": action, **body, "refused": refusal.ret_msg}
            )

    def _action(self, fault: Fault, spec: InstrumentSpec) -> tuple[str, dict[str, Any]]:
        body: dict[str, Any] = {"symbol": spec.symbol}
        options = fault.options
        if fault.name == "tick_change":
            tick = spec.tick_size * Decimal(str(options["factor"]))
            return "instrument_change", {**body, "tick_size": plain(tick)}
        if fault.name == "min_qty_change":
            least = spec.min_qty * Decimal(str(options["factor"]))
            return "instrument_change", {**body, "min_qty": plain(least)}
        if fault.name == "delivering":
            return "instrument_change", {**body, "status": "Delivering"}
        if fault.name == "funding":
            return "funding", {**body, "rate": str(options["rate"])}
        if fault.name == "adl":
            return "adl", {**body, "share": str(options["share"])}
        if fault.name == "foreign_order":
            return "foreign_order", {"order": self._resting_order(spec)}
        if fault.name == "foreign_position":
            qty = plain(10 * Decimal(self._smallest(spec)))
            return "foreign_position", {**body, "qty": qty}
        return fault.name, body

    def _smallest(self, spec: InstrumentSpec) -> str:
        """A small quantity with a notional that is surely enough, in base units."""
        tape = self._exchange.venue.tapes[spec.key]
        price = max(tape.last_price, 1) * tape.spec.tick_size
        steps = int(2 * spec.min_notional / price / spec.qty_step) + 1
        return plain(max(spec.min_qty, steps * spec.qty_step))

    def _resting_order(self, spec: InstrumentSpec) -> dict[str, Any]:
        bids, _ = self._exchange.venue.engine.book(spec.category, spec.symbol, 1)
        ticks = int(bids[0][0] * RESTING_SHARE) if bids else 1
        return {
            "category": spec.category,
            "symbol": spec.symbol,
            "side": "Buy",
            "orderType": "Limit",
            "qty": self._smallest(spec),
            "price": plain(spec.price(ticks)),
        }

    def on_private(self, events: Sequence[PrivateEvent]) -> None:
        """Lets order faults act on orders that have just begun to rest."""
        if self.on_orders is not None:
            self.on_orders(events)
        faults = self._exchange.faults
        if not faults.of("order"):
            return
        for event in events:
            if event.topic != "order" or event.data["orderStatus"] not in _RESTING:
                continue
            fault = faults.strike("order", event.data["symbol"])
            if fault is not None:
                asyncio.get_running_loop().call_later(
                    fault.options["after_ms"] / 1000,
                    self._perform,
                    "forced_cancel",
                    {
                        "uid": event.uid,
                        "orderId": event.data["orderId"],
                        "cancelType": CANCEL_TYPES[fault.name],
                    },
                )
