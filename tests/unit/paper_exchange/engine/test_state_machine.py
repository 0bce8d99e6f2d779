"""Random order flow against a small independent model built from the public events alone.

The model knows displayed levels, what each order was asked to do, and what the streams reported.
From these it re-derives quantities, priority, cash and equity, and compares to the last digit.
"""

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.types import (
    BookUpdate,
    Category,
    InstrumentSpec,
    MarketTrade,
    MarkUpdate,
    Reject,
    Side,
)
from tests.support.properties import examples

D = Decimal
MID = 1000
ZERO = D(0)
TICK, STEP = D("0.1"), D("0.01")
UIDS = ("a", "b")
START = {"USDT": D(400), "BTC": D(3)}
SIDES = st.sampled_from(["Buy", "Sell"])
CATEGORIES = st.sampled_from(["linear", "linear", "spot"])
PRICES = st.integers(MID - 8, MID + 8)
SIZES = st.integers(0, 400)
LEVELS = st.lists(st.tuples(st.integers(1, 8), SIZES), max_size=4)
CLOSED = {"Filled", "Cancelled", "Rejected", "Deactivated", "PartiallyFilledCanceled"}


def spec(category: Category) -> InstrumentSpec:
    return InstrumentSpec(
        category=category,
        symbol="BTCUSDT",
        base_coin="BTC",
        quote_coin="USDT",
        tick_size=TICK,
        qty_step=STEP,
        min_qty=STEP,
        max_limit_qty=D(50),
        max_market_qty=D(50),
        min_notional=D(5),
    )


@dataclass
class Seen:
    """What the streams said of one order."""

    uid: str
    params: Mapping[str, Any]
    filled: Decimal = ZERO
    closed: bool = False


class Flow(RuleBasedStateMachine):
    """Orders, quotes and trades at a mark that stays where it is."""

    moving_mark = False

    @initialize(delay=st.sampled_from([0, 3]))
    def open(self, delay: int) -> None:
        accounts = {uid: AccountConfig(uid, balances=dict(START), leverage=D(10)) for uid in UIDS}
        self.engine = PaperEngine(
            [spec("linear"), spec("spot")], accounts, EngineSettings(effect_delay_ms=delay)
        )
        self.now = 0
        self.mark = D(MID) * TICK
        self.sizes: dict[tuple[str, str], dict[int, int]] = defaultdict(dict)
        self.used: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
        self.orders: dict[str, Seen] = {}
        self.links: set[str] = set()
        self.exec_ids: set[str] = set()
        self.cash: dict[tuple[str, str], Decimal] = {
            (uid, coin): amount for uid in UIDS for coin, amount in START.items()
        }
        self.size: dict[str, Decimal] = defaultdict(Decimal)
        self.forgiven: dict[str, Decimal] = defaultdict(Decimal)
        self.last_wallet: dict[str, Any] = {}
        self.engine.on_market(MarkUpdate("linear", "BTCUSDT", 0, self.mark, self.mark))
        for category in ("linear", "spot"):
            ladder = [(d, 100) for d in (1, 2, 3)]
            self.quote(category, ladder, ladder, True)  # type: ignore[arg-type]

    # What happens in the market

    @rule(category=CATEGORIES, bids=LEVELS, asks=LEVELS, snapshot=st.booleans())
    def quote(
        self,
        category: Category,
        bids: list[tuple[int, int]],
        asks: list[tuple[int, int]],
        snapshot: bool,
    ) -> None:
        self.now += 1
        self.drain()
        bid_levels = list({MID - d: (MID - d, size) for d, size in bids}.values())
        ask_levels = list({MID + d: (MID + d, size) for d, size in asks}.values())
        for name, levels in (("Buy", bid_levels), ("Sell", ask_levels)):
            self.refresh(category, name, dict(levels), snapshot)
        self.engine.on_market(
            BookUpdate(category, "BTCUSDT", self.now, bid_levels, ask_levels, snapshot)
        )
        self.read(category, maker_budget=None, by_quotes=True)

    def refresh(self, kind: str, name: str, new: Mapping[int, int], snapshot: bool) -> None:
        """A level that shrinks loses our takers' part of it in proportion; the rest stays used."""
        side = self.sizes[kind, name]
        for price in set(side) | set(new):
            if price not in new and not snapshot:
                continue
            old, size = side.get(price, 0), new.get(price, 0)
            used = int(self.used.pop((kind, name, price), ZERO) / STEP)
            left = used if size >= old else -(-used * size // old)
            if left:
                self.used[kind, name, price] = left * STEP
            side[price] = size

    @rule(category=CATEGORIES, price=PRICES, qty=st.integers(1, 400), side=SIDES)
    def trade(self, category: Category, price: int, qty: int, side: Side) -> None:
        self.drain()
        self.engine.on_market(MarketTrade(category, "BTCUSDT", self.now, price, qty, side))
        self.read(category, maker_budget=qty * STEP)

    @rule(ms=st.integers(1, 5))
    def wait(self, ms: int) -> None:
        self.now += ms
        self.drain()

    # What the accounts do

    @rule(
        uid=st.sampled_from(UIDS),
        category=CATEGORIES,
        side=SIDES,
        price=st.none() | PRICES,
        qty=st.integers(1, 900),
        tif=st.sampled_from(["GTC", "GTC", "IOC", "FOK", "PostOnly"]),
        smp=st.sampled_from(["None", "CancelMaker", "CancelTaker", "CancelBoth"]),
        reduce=st.booleans(),
        exits=st.sampled_from([None, None, "Full", "Partial"]),
        link=st.none() | st.integers(0, 20),
    )
    def create(
        self,
        uid: str,
        category: Category,
        side: Side,
        price: int | None,
        qty: int,
        tif: str,
        smp: str,
        reduce: bool,
        exits: str | None,
        link: int | None,
    ) -> None:
        params: dict[str, Any] = {
            "category": category,
            "symbol": "BTCUSDT",
            "side": side,
            "orderType": "Market" if price is None else "Limit",
            "qty": format(qty * STEP, "f"),
            "timeInForce": tif,
            "smpType": smp,
        }
        if price is not None:
            params["price"] = format(price * TICK, "f")
        elif category == "spot":
            params["marketUnit"] = "baseCoin"
        if category == "linear":
            params["reduceOnly"] = reduce
            if exits and not reduce:
                sign = 1 if side == "Buy" else -1
                params["takeProfit"] = format((MID + 12 * sign) * TICK, "f")
                params["stopLoss"] = format((MID - 12 * sign) * TICK, "f")
                params["tpslMode"] = exits
        if link is not None:
            params["orderLinkId"] = f"link-{link}"
        try:
            reply = self.engine.create_order(uid, params, self.now)
        except Reject as refused:
            if refused.ret_code in (110072, 170141):
                assert f"{uid}/link-{link}" in self.links
            self.read(category, maker_budget=None)
            return
        if link is not None:
            assert f"{uid}/link-{link}" not in self.links, "an orderLinkId was accepted twice"
            self.links.add(f"{uid}/link-{link}")
        assert reply["orderId"] not in self.orders, "an orderId was given twice"
        self.orders[reply["orderId"]] = Seen(uid, params)
        if category == "linear":
            self.forgive(uid, side, qty)
        self.read(category, maker_budget=None)

    def forgive(self, uid: str, side: Side, qty: int) -> None:
        """A closing order is accepted without money. When others close its position first, it
        opens instead, and its fee may then be missing."""
        held = self.size[uid] if side == "Sell" else -self.size[uid]
        if held > 0:
            self.forgiven[uid] += min(held, qty * STEP) * (MID + 8) * TICK * D("0.00066")

    @rule(uid=st.sampled_from(UIDS), side=SIDES, price=PRICES, qty=st.integers(10, 300))
    def stop(self, uid: str, side: Side, price: int, qty: int) -> None:
        params = {
            "category": "linear",
            "symbol": "BTCUSDT",
            "side": side,
            "orderType": "Market",
            "qty": format(qty * STEP, "f"),
            "triggerPrice": format(price * TICK, "f"),
            "triggerDirection": 1 if price > MID else 2,
        }
        try:
            reply = self.engine.create_order(uid, params, self.now)
        except Reject:
            return
        self.orders[reply["orderId"]] = Seen(uid, params)
        self.read("linear", maker_budget=None)

    def pick(self, index: int) -> tuple[str, Seen] | None:
        alive = [(i, seen) for i, seen in self.orders.items() if not seen.closed]
        return alive[index % len(alive)] if alive else None

    @rule(index=st.integers(0, 50))
    def cancel(self, index: int) -> None:
        found = self.pick(index)
        if found is None:
            return
        category = found[1].params["category"]
        params = {"category": category, "symbol": "BTCUSDT", "orderId": found[0]}
        try:
            self.engine.cancel_order(found[1].uid, params, self.now)
        except Reject as refused:
            assert refused.ret_code in (110001, 170213)
        self.read(category, maker_budget=None)

    @rule(index=st.integers(0, 50), qty=st.none() | st.integers(1, 900), price=st.none() | PRICES)
    def amend(self, index: int, qty: int | None, price: int | None) -> None:
        found = self.pick(index)
        if found is None:
            return
        category = found[1].params["category"]
        params = {"category": category, "symbol": "BTCUSDT", "orderId": found[0]}
        if qty is not None:
            params["qty"] = format(qty * STEP, "f")
        if price is not None:
            params["price"] = format(price * TICK, "f")
        with suppress(Reject):
            self.engine.amend_order(found[1].uid, params, self.now)
        self.read(category, maker_budget=None)

    # The model

    def drain(self) -> None:
        """Lets what is due happen first, so that the next events belong to the next operation."""
        self.engine.advance(self.now)
        self.read(None, maker_budget=None)

    def read(
        self, category: str | None, maker_budget: Decimal | None, *, by_quotes: bool = False
    ) -> None:
        """Books the events of one operation; `maker_budget` is what a replayed trade can fill.

        With `by_quotes` displayed quotes fill makers, and each unit of them only once.
        """
        taken: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
        made = D(0)
        makers: list[Mapping[str, Any]] = []
        takers = False
        for event in self.engine.drain_events():
            row = event.data
            if event.topic == "execution":
                self.book_execution(event.uid, str(event.category), row)
                if row["execType"] != "Trade":
                    continue
                opposite = "Sell" if row["side"] == "Buy" else "Buy"
                price, qty = int(D(row["execPrice"]) / TICK), D(row["execQty"])
                if row["isMaker"] and by_quotes:
                    makers.append(row)
                    self.meet_quotes(str(event.category), opposite, price, qty)
                elif row["isMaker"]:
                    made += qty
                    makers.append(row)
                    taken[str(event.category), row["side"], price] -= qty
                else:
                    takers = True
                    taken[str(event.category), opposite, price] += qty
            elif event.topic == "order":
                self.book_order(event.uid, row)
            elif event.topic == "wallet":
                self.last_wallet[event.uid] = row
        if maker_budget is not None and not takers:
            assert made <= maker_budget, "makers filled more than the trade had"
        else:
            for (kind, side, price), qty in taken.items():
                self.use(kind, side, price, qty)
        for row in makers:
            self.check_priority(row)

    def meet_quotes(self, kind: str, side: str, limit: int, qty: Decimal) -> None:
        """A maker's fill came from displayed quotes that reached its limit, the best ones first."""
        sign = -1 if side == "Sell" else 1
        for price in sorted(self.sizes[kind, side], key=lambda p: -sign * p):
            left = self.sizes[kind, side][price] * STEP - self.used[kind, side, price]
            part = min(left, qty)
            if sign * (price - limit) >= 0 and part > 0:
                self.use(kind, side, price, part)
                qty -= part
        assert not qty, "a maker filled without a quote that reached it"

    def use(self, kind: str, side: str, price: int, qty: Decimal) -> None:
        """Takers' net of makers' fills came from the display, which is there only once."""
        if qty <= 0:
            return
        self.used[kind, side, price] += qty
        shown = self.sizes[kind, side].get(price, 0) * STEP
        assert self.used[kind, side, price] <= shown, "liquidity was used twice"

    def book_execution(self, uid: str, category: str, row: Mapping[str, Any]) -> None:
        assert row["execId"] not in self.exec_ids
        self.exec_ids.add(row["execId"])
        qty, value, fee = D(row["execQty"]), D(row["execValue"]), D(row["execFee"])
        assert value == qty * D(row["execPrice"])
        assert fee == (qty if row["feeCurrency"] == "BTC" else value) * D(row["feeRate"])
        sign = 1 if row["side"] == "Buy" else -1
        self.cash[uid, row["feeCurrency"]] -= fee
        self.cash[uid, "USDT"] -= sign * value
        if category == "linear":
            self.size[uid] += sign * qty
        else:
            self.cash[uid, "BTC"] += sign * qty
        seen = self.orders.setdefault(row["orderId"], Seen(uid, {"category": category}))
        assert not seen.closed, "filled after its end"
        seen.filled += qty
        assert D(row["leavesQty"]) == D(row["orderQty"]) - seen.filled

    def book_order(self, uid: str, row: Mapping[str, Any]) -> None:
        seen = self.orders.setdefault(row["orderId"], Seen(uid, {"category": row["category"]}))
        assert D(row["cumExecQty"]) == seen.filled <= D(row["qty"])
        if seen.closed:
            assert row["rejectReason"] == "EC_OrigClOrdIDDoesNotExist"
        seen.closed = row["orderStatus"] in CLOSED
        if row["orderStatus"] == "Filled":
            assert seen.filled == D(row["qty"])
        if row["orderStatus"] in ("New", "PartiallyFilled"):
            assert D(row["leavesQty"]) == D(row["qty"]) - seen.filled > 0

    def check_priority(self, row: Mapping[str, Any]) -> None:
        """No order of the same side that stands before a filled maker is left with quantity."""
        market = self.engine.world.markets[row["category"], "BTCUSDT"]
        sign = 1 if row["side"] == "Buy" else -1
        filled = self.engine.world.accounts[self.orders[row["orderId"]].uid].orders[row["orderId"]]
        for other in market.own.same(sign):
            if other.reduces or filled.reduces or other is filled or other.smp_type != "None":
                continue
            assert sign * (other.price - filled.price) <= 0, "a better price was passed over"
            if other.price == filled.price:
                queue = market.own.same(sign).levels[other.price]
                assert filled not in queue or queue.index(filled) < queue.index(other)

    # What must always hold

    @invariant()
    def cash_and_positions_at_mark_are_the_equity(self) -> None:
        for uid in UIDS:
            wallet = self.engine.wallet(uid)
            coins = {coin["coin"]: coin for coin in wallet["coin"]}
            assert D(coins["BTC"]["walletBalance"]) == self.cash[uid, "BTC"]
            equity = self.cash[uid, "USDT"] + self.size[uid] * self.mark
            assert D(coins["USDT"]["equity"]) == equity
            [position] = self.engine.positions(uid, {"category": "linear", "symbol": "BTCUSDT"})
            sign = -1 if position["side"] == "Sell" else 1
            assert sign * D(position["size"]) == self.size[uid]

    @invariant()
    def the_ledger_explains_every_change_of_the_wallet(self) -> None:
        for uid in UIDS:
            balance = dict(START)
            for row in reversed(self.engine.transaction_log(uid, {"startTime": "0"})):
                change = D(row["change"])
                assert change == D(row["cashFlow"]) + D(row["funding"] or 0) - D(row["fee"])
                balance[row["currency"]] += change
                assert D(row["cashBalance"]) == balance[row["currency"]]
            assert balance == self.engine.world.accounts[uid].wallet

    @invariant()
    def what_orders_reserve_is_exactly_what_is_open(self) -> None:
        for uid in UIDS:
            account = self.engine.world.accounts[uid]
            position = account.positions.get(("BTCUSDT", 0))
            adding = [
                o
                for o in account.open.values()
                if not o.is_spot and not o.reduces and not o.is_waiting
            ]
            if position is not None:
                assert position.buying == sum(o.leaves for o in adding if o.side > 0)
                assert position.selling == sum(o.leaves for o in adding if o.side < 0)
            assert account.order_loss == sum((o.reserved_loss for o in adding), D(0))
            for coin in START:
                held = sum(
                    o.locked
                    for o in account.open.values()
                    if o.is_spot and (coin == "USDT") == (o.side > 0)
                )
                assert account.locked.get(coin, D(0)) == held
            assert account.balance("BTC") >= account.locked.get("BTC", D(0)) >= 0

    @invariant()
    def reduce_only_orders_never_exceed_their_position(self) -> None:
        for uid in UIDS:
            account = self.engine.world.accounts[uid]
            for order in account.open.values():
                if order.reduces and order.status in ("New", "PartiallyFilled"):
                    position = account.positions["BTCUSDT", 0]
                    assert order.leaves <= position.closable(order.side)

    @invariant()
    def no_order_rests_in_a_quote_that_reaches_it(self) -> None:
        for market in self.engine.world.markets.values():
            for side in (1, -1):
                best, quote = market.own.same(side).best(), market.book.opposite(side)
                found = quote.best_available()
                assert best is None or found is None or side * (best - found) < 0

    @invariant()
    def everybody_sees_each_order_in_a_book_that_is_not_crossed(self) -> None:
        for market in self.engine.world.markets.values():
            for side in (1, -1):
                own = market.own.same(side)
                shown = {p: sum(o.leaves for o in orders) for p, orders in own.levels.items()}
                assert own.sizes == shown
            bid, ask = market.best(1), market.best(-1)
            assert bid is None or ask is None or bid < ask

    @invariant()
    def nobody_lives_below_maintenance_margin(self) -> None:
        for uid in UIDS:
            account = self.engine.world.accounts[uid]
            total = self.engine.world.margin.account_margin(account)
            assert total.balance > total.maintenance or not self.size[uid]
            assert total.balance >= 0
            if not self.moving_mark:
                closing = account.order_loss + self.forgiven[uid]
                assert total.free >= -closing, "an order was accepted that it can't pay"

    @invariant()
    def the_wallet_stream_tells_the_present_balance(self) -> None:
        for uid, row in self.last_wallet.items():
            shown = {coin["coin"]: coin["walletBalance"] for coin in row["coin"]}
            now = {c["coin"]: c["walletBalance"] for c in self.engine.wallet(uid)["coin"]}
            assert shown == now


class Storm(Flow):
    """The same under marks that jump, so that accounts are liquidated."""

    moving_mark = True

    @rule(jump=st.integers(-120, 120))
    def move_mark(self, jump: int) -> None:
        self.drain()
        self.mark = (MID + jump) * TICK
        self.engine.on_market(MarkUpdate("linear", "BTCUSDT", self.now, self.mark))
        self.read(None, maker_budget=None)


LIMITS = settings(
    max_examples=examples(60),
    stateful_step_count=30,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
TestFlow = Flow.TestCase
TestFlow.settings = LIMITS
TestStorm = Storm.TestCase
TestStorm.settings = LIMITS
