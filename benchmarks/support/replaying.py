"""One algorithm works one order in a replayed market: the paper exchange's engine, in this process.

Our takers consume displayed size until the replay renews it; our makers wait in the queue and are
filled by replayed trades and by quotes that reach them; what we trade moves the prices that we meet
by the square-root law.
Nothing reads a clock or draws a number: the same window, order and algorithm give the same trade.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from benchmarks.support.recorded_windows import Window
from benchmarks.support.replayed_market import ACCOUNT, EFFECT_MS, engine_of, lot_rules, touch_of
from bot.execution.algorithms.stepping import (
    CancelLive,
    Done,
    LiveChild,
    Place,
    Progress,
    Stepper,
    Touch,
    WaitUntil,
)
from bot.market.bars import MINUTE, Bar
from bot.tca.analysis import TradeCost, analyse
from bot.tca.shortfall import FillPart
from bot.tca.trade import Child, Expectation, Fill, Trade
from models.documents.orders import Arrival
from models.enums import Style, TradeSide
from paper_exchange.engine.orders.order import FINAL_STATUSES
from paper_exchange.types import MarketEvent, MarketTrade, Reject

_SIDES = {TradeSide.BUY: "Buy", TradeSide.SELL: "Sell"}
_TIME_IN_FORCE = {Style.IOC: "IOC", Style.POST_ONLY: "PostOnly", Style.LIMIT: "GTC"}

StepperAt = Callable[[datetime, Touch], Stepper]
"""The algorithm as it stands at a time: a volume model's has a newer forecast every minute."""


@dataclass(frozen=True, slots=True)
class Order:
    """What every algorithm of a comparison is given."""

    side: TradeSide
    qty: Decimal
    price_limit: Decimal
    start_at: datetime
    deadline_at: datetime


@dataclass(slots=True)
class _Sent:
    """A child: how the algorithm sees it, and what the analysis needs to know."""

    seen: LiveChild
    arrival: Arrival
    final_at: datetime | None = None
    fills: list[Fill] = field(default_factory=list)


def work(
    window: Window,
    order: Order,
    name: str,
    stepper_at: StepperAt,
    *,
    maker_impact: float = 1.0,
    quotes_fill: bool = True,
) -> TradeCost:
    """Works the order to its end and says what it cost.

    `quotes_fill`: quotes that reach our makers fill them, as replayed trades do.

    `maker_impact` is how much of the law's impact a filled maker has: the paper exchange says
    none, Toth et al. (2011) find the law whatever the style of execution.
    """
    run = _Run(window, order, stepper_at, maker_impact, quotes_fill)
    for event in window.events:
        run.play(event)
    return analyse(run.trade(name), run.bars())


class _Run:
    """Plays the market's events and, between them, what the exchange and the algorithm do."""

    def __init__(
        self,
        window: Window,
        order: Order,
        stepper_at: StepperAt,
        maker_impact: float,
        quotes_fill: bool,
    ) -> None:
        self._window, self._order, self._stepper_at = window, order, stepper_at
        self._maker_impact = maker_impact
        self._engine = engine_of(window, quotes_fill=quotes_fill)
        self._rules = lot_rules(window)
        self._sent: dict[int, _Sent] = {}
        self._filled = Decimal(0)
        self._wake_ms: int | None = self._ms(order.start_at)
        self._finished_at: datetime | None = None
        self._decision: Touch | None = None
        self._volume = 0
        self._minutes: dict[int, Bar] = {}

    def play(self, event: MarketEvent) -> None:
        self._catch_up(event.ts_ms)
        self._engine.on_market(event)
        if type(event) is MarketTrade:
            self._note_trade(event)
        self._hear(event.ts_ms)

    def _catch_up(self, until_ms: int) -> None:
        """Steps and effects that are due before the market's next event, in the order of time."""
        while True:
            due = self._engine.next_due_ms()
            times = [at for at in (self._wake_ms, due) if at is not None and at < until_ms]
            if not times:
                return
            now = min(times)
            self._engine.advance(now)
            self._hear(now)
            if self._wake_ms is not None and self._wake_ms <= now:
                self._step(now)

    def _step(self, now_ms: int) -> None:
        now, touch = self._at(now_ms), touch_of(self._engine, self._window, self._volume)
        if self._decision is None:
            self._decision = touch
        self._wake_ms = None
        actions = self._stepper_at(now, touch).step(self._progress(now), touch, self._rules)
        for action in actions:
            match action:
                case Place():
                    self._place(action, touch, now_ms)
                case CancelLive(slot):
                    self._cancel(slot, now_ms)
                case WaitUntil(at):
                    # Never the same moment again: nothing could have changed in it.
                    self._wake(max(self._ms(at), now_ms + 1))
                case Done():
                    self._finished_at, self._wake_ms = now, None

    def _progress(self, now: datetime) -> Progress:
        # Ended children but the youngest change nothing that a step looks at.
        sent = list(self._sent.values())
        kept = [one.seen for one in sent[:-1] if not one.seen.final] + [s.seen for s in sent[-1:]]
        order = self._order
        return Progress(
            order.qty, self._filled, tuple(kept), order.start_at, order.deadline_at, now
        )

    def _place(self, action: Place, touch: Touch, now_ms: int) -> None:
        slot, now = len(self._sent), self._at(now_ms)
        price = self._order.price_limit if action.price is None else action.price
        seen = LiveChild(slot, action.qty, Decimal(0), price, action.style, now, False, False)
        self._sent[slot] = _Sent(seen, Arrival(touch.bid, touch.ask, now))
        body = {
            "side": _SIDES[self._order.side],
            "orderType": "Limit",
            "qty": format(action.qty, "f"),
            "price": format(price, "f"),
            "timeInForce": _TIME_IN_FORCE[action.style],
            "orderLinkId": str(slot),
        }
        try:
            self._engine.create_order(ACCOUNT, self._named(body), now_ms)
        except Reject:
            self._end(slot, now_ms)

    def _cancel(self, slot: int, now_ms: int) -> None:
        sent = self._sent[slot]
        sent.seen = replace(sent.seen, cancel_requested=True)
        try:
            self._engine.cancel_order(ACCOUNT, self._named({"orderLinkId": str(slot)}), now_ms)
        except Reject:
            # It ended meanwhile: its own record says how.
            self._wake(now_ms + EFFECT_MS)

    def _hear(self, now_ms: int) -> None:
        """Takes what the private stream tells; news wakes the algorithm."""
        for event in self._engine.drain_events():
            if event.topic == "execution":
                self._fill(event.data, now_ms)
            elif event.topic == "order" and event.data["orderStatus"] in FINAL_STATUSES:
                self._end(int(event.data["orderLinkId"]), now_ms)

    def _fill(self, data: Mapping[str, Any], now_ms: int) -> None:
        if data["execType"] != "Trade":
            return
        part = FillPart(
            qty=Decimal(data["execQty"]),
            price=Decimal(data["execPrice"]),
            fee=Decimal(data["execFee"]),
            is_maker=data["isMaker"],
        )
        sent = self._sent[int(data["orderLinkId"])]
        sent.fills.append(Fill(part, self._at(now_ms)))
        sent.seen = replace(sent.seen, filled=sent.seen.filled + part.qty)
        self._filled += part.qty
        if part.is_maker:
            self._move_price(part.qty, now_ms)
        self._wake(now_ms + 1)

    def _move_price(self, qty: Decimal, now_ms: int) -> None:
        """A maker's impact; a taker's is the engine's own."""
        market = self._engine.world.market("linear", self._window.symbol)
        if market.impact is not None:
            steps = round(float(qty / self._window.spec.qty_step) * self._maker_impact)
            market.impact.on_take(self._order.side.sign, steps, now_ms)

    def _end(self, slot: int, now_ms: int) -> None:
        sent = self._sent[slot]
        sent.final_at = self._at(now_ms)
        sent.seen = replace(sent.seen, final=True)
        self._wake(now_ms + 1)

    def _wake(self, at_ms: int) -> None:
        if self._finished_at is None:
            self._wake_ms = at_ms if self._wake_ms is None else min(self._wake_ms, at_ms)

    def _note_trade(self, event: MarketTrade) -> None:
        """The market's own volume, at the prices that our impact leaves it."""
        market = self._engine.world.market("linear", self._window.symbol)
        price = market.price(event.price + market.book.shift)
        qty = market.quantity(event.qty)
        minute = event.ts_ms // 60_000
        known = self._minutes.get(minute)
        if known is None:
            start = self._window.opens_at + minute * MINUTE
            self._minutes[minute] = Bar(start, price, price, price, price, qty, qty * price)
        else:
            self._minutes[minute] = replace(
                known,
                high=max(known.high, price),
                low=min(known.low, price),
                close=price,
                volume=known.volume + qty,
                turnover=known.turnover + qty * price,
            )
        if event.ts_ms >= self._ms(self._order.start_at):
            self._volume += event.qty

    def bars(self) -> list[Bar]:
        return list(self._minutes.values())

    def trade(self, algorithm: str) -> Trade:
        if self._finished_at is None or self._decision is None:
            raise ValueError(f"{algorithm} had not ended when the window of {self._window.key} did")
        order, window = self._order, self._window
        mid = (self._decision.bid + self._decision.ask) / 2
        return Trade(
            request_id=f"{window.key} {order.side}",
            strategy="replay",
            algorithm=algorithm,
            symbol=window.symbol,
            side=order.side,
            state="completed" if self._filled == order.qty else "expired",
            is_final=True,
            approved_qty=order.qty,
            decided_at=order.start_at,
            finished_at=self._finished_at,
            decision_price=mid,
            decision_basis="mid at the decision",
            expected=Expectation(
                day_volume=Decimal(repr(window.day_volume)) * mid,
                day_volatility=window.day_volatility,
            ),
            children=tuple(self._child(slot, sent) for slot, sent in self._sent.items()),
        )

    def _child(self, slot: int, sent: _Sent) -> Child:
        return Child(
            order_link_id=str(slot),
            slot=slot,
            attempt=0,
            qty=sent.seen.qty,
            state="filled" if sent.seen.filled == sent.seen.qty else "cancelled",
            planned_at=sent.seen.placed_at,
            sent_at=sent.seen.placed_at,
            acked_at=sent.seen.placed_at + timedelta(milliseconds=EFFECT_MS),
            final_at=sent.final_at,
            arrival=sent.arrival,
            fills=tuple(sent.fills),
            style=sent.seen.style,
        )

    def _named(self, body: Mapping[str, Any]) -> dict[str, Any]:
        return {"category": "linear", "symbol": self._window.symbol, **body}

    def _at(self, ms: int) -> datetime:
        return self._window.opens_at + timedelta(milliseconds=ms)

    def _ms(self, at: datetime) -> int:
        # Rounded up: a step is never before its time.
        return -(-(at - self._window.opens_at) // timedelta(milliseconds=1))
