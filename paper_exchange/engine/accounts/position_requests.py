"""Position requests: leverage, position mode, exits, and the margin that an order needs."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from paper_exchange.engine.accounts.account import Account, Position
from paper_exchange.engine.accounts.margin import STABLE, AccountMargin, tier_for
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.acceptance import Acceptance, check_exit_sides
from paper_exchange.engine.orders.exits import LOSS, PROFIT, ExitOrders
from paper_exchange.engine.orders.filters import (
    TRIGGER_BY,
    choice_of,
    decimal_of,
    exits_of,
    integer_of,
    optional_ticks,
    quantity_steps,
    read_new_order,
)
from paper_exchange.engine.orders.order import Exits
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.world import World

HEDGE_MODE = 3
_SIGNED: Final = re.compile(r"-?\d{1,20}(\.\d{1,20})?")


class PositionRequests:
    """The requests under /v5/position that change something, and order/pre-check."""

    def __init__(self, world: World, acceptance: Acceptance, exits: ExitOrders) -> None:
        self.world = world
        self.acceptance = acceptance
        self.exits = exits

    def _linear_market(self, params: Mapping[str, Any]) -> Market:
        if params.get("category") != "linear":
            raise reject("param", "category invalid")
        return self.world.market_of(params)

    # Leverage

    def set_leverage(self, uid: str, params: Mapping[str, Any]) -> None:
        """Changes a symbol's leverage, one number for both sides.

        In isolated hedge mode each side has its own.

        Raises Reject for a leverage out of range, for the present one, and for one that the margin
        at hand can't carry.
        """
        account, market = self.world.account(uid), self._linear_market(params)
        buy, sell = (self._leverage_of(params, name, market) for name in ("buy", "sell"))
        if buy != sell and not (account.isolated and account.is_hedged(market.symbol)):
            raise reject("param", "buy leverage invalid")
        old = account.leverages(market)
        if old == (buy, sell):
            raise reject("leverage_same")
        held = [p for p in account.positions.values() if p.market is market]
        for position in held:
            self._check_tier(position, sell if position.idx == 2 else buy)
        self._apply_leverage(account, market, held, (buy, sell))
        margin = self.world.margin.account_margin(account)
        if margin.free < 0 and (buy < old[0] or sell < old[1]):
            self._apply_leverage(account, market, held, old)
            raise reject("margin_short")
        account.void_margin()
        for position in held:
            self.world.note_position(account, position)

    def _apply_leverage(
        self, account: Account, market: Market, held: list[Position], both: tuple[Decimal, Decimal]
    ) -> None:
        account.leverage[market.symbol] = both
        for position in held:
            position.leverage = both[1] if position.idx == 2 else both[0]

    @staticmethod
    def _leverage_of(params: Mapping[str, Any], side: str, market: Market) -> Decimal:
        value = decimal_of(params, f"{side}Leverage")
        if value is None or value < 1 or value % Decimal("0.01"):
            raise reject("param", f"{side} leverage invalid")
        if value > market.spec.max_leverage:
            raise reject("leverage_tier")
        return value

    def _check_tier(self, position: Position, leverage: Decimal) -> None:
        mark = position.market.mark()
        if mark is None:
            return
        worst = max(
            abs(position.size + position.buying),
            abs(position.size - position.selling),
            abs(position.size),
        )
        value = position.market.quantity(worst) * mark
        if leverage > tier_for(value, position.market.spec, self.world.settings).max_leverage:
            raise reject("leverage_tier")

    # Margin

    def set_margin_mode(self, uid: str, isolated: bool) -> None:
        """Switches the account between cross and isolated margin.

        Raises Reject while a position or an order of a future is open.
        """
        account = self.world.account(uid)
        if account.isolated == isolated:
            return
        held = any(position.size for position in account.positions.values())
        if held or any(not order.is_spot for order in account.open.values()):
            raise reject("margin_mode")
        account.isolated = isolated

    def add_margin(self, uid: str, params: Mapping[str, Any]) -> Position:
        """Adds margin to an isolated position, or takes it back with a negative amount.

        Only margin that was added can be taken back. Raises Reject for cross margin, for a flat
        position, and for an amount that is not there.
        """
        account, market = self.world.account(uid), self._linear_market(params)
        position = account.position(market, integer_of(params, "positionIdx"))
        amount = _signed(str(params.get("margin", "")))
        if not account.isolated or not position.size:
            raise reject("param", "only an open isolated position has a margin of its own")
        if not amount or amount % Decimal("0.0001"):
            raise reject("param", "margin invalid")
        free = self.world.margin.account_margin(account).free
        if amount > free or position.extra + amount < 0:
            raise reject("margin_short")
        position.extra += amount
        account.void_margin()
        self.world.note_position(account, position)
        return position

    def set_collateral(self, uid: str, coin: str, used: bool) -> None:
        """Switches a coin on or off as collateral.

        Raises Reject for a stable coin, for a coin that is no collateral, and for one that the
        account's positions need.
        """
        account = self.world.account(uid)
        if coin in STABLE or coin not in self.world.settings.collateral:
            raise reject("param", "coin invalid")
        before = set(account.no_collateral)
        (account.no_collateral.discard if used else account.no_collateral.add)(coin)
        if self.world.margin.account_margin(account).free < 0 and not used:
            account.no_collateral = before
            raise reject("margin_short")
        account.void_margin()
        self.world.moved[uid] = None

    # Mode

    def switch_mode(self, uid: str, params: Mapping[str, Any]) -> None:
        """Switches one symbol, or all symbols of a coin, between one-way and hedge mode.

        For one symbol it raises Reject while a position or an order is open.
        """
        account = self.world.account(uid)
        if params.get("category") != "linear":
            raise reject("param", "category invalid")
        mode = integer_of(params, "mode", -1)
        if mode not in (0, HEDGE_MODE):
            raise reject("param", "mode invalid")
        hedge = mode == HEDGE_MODE
        if params.get("symbol"):
            markets = [self._linear_market(params)]
        elif params.get("coin"):
            coin = params["coin"]
            everything = self.world.markets.values()
            markets = [m for m in everything if not m.is_spot and m.quote == coin]
        else:
            raise reject("param", "symbol or coin is required")
        changing = [m for m in markets if account.is_hedged(m.symbol) != hedge]
        if params.get("symbol"):
            if not changing:
                raise reject("mode_same")
            self._check_flat(account, changing[0])
        else:
            # With a coin, symbols with a position or an order keep their mode; the request
            # succeeds.
            changing = [market for market in changing if self._is_flat(account, market)]
        for market in changing:
            account.modes[market.symbol] = hedge

    @staticmethod
    def _check_flat(account: Account, market: Market) -> None:
        if any(p.market is market and p.size for p in account.positions.values()):
            raise reject("mode_position")
        if any(order.market is market for order in account.open.values()):
            raise reject("mode_orders")

    @staticmethod
    def _is_flat(account: Account, market: Market) -> bool:
        held = any(p.market is market and p.size for p in account.positions.values())
        return not held and all(order.market is not market for order in account.open.values())

    # Exits

    def trading_stop(self, uid: str, params: Mapping[str, Any]) -> None:
        """Sets, changes or clears the exits of a position.

        Raises Reject when there is no position.
        """
        account, market = self.world.account(uid), self._linear_market(params)
        mode = choice_of(params, "tpslMode", frozenset({"Full", "Partial"}), "Full")
        idx = integer_of(params, "positionIdx")
        if (idx in (1, 2)) != account.is_hedged(market.symbol) or idx not in (0, 1, 2):
            raise reject("position_idx")
        position = account.position(market, idx)
        if not position.size:
            raise reject("no_position")
        if mode == "Partial":
            self._add_partial(account, position, params)
            changed = True
        else:
            changed = self._set_full(account, position, params)
        changed |= self._set_trailing(account, position, params)
        if not changed:
            raise reject("not_modified")
        position.tpsl_mode = mode
        self.world.note_position(account, position)

    def _check_sides(self, position: Position, exits: Exits) -> None:
        market = position.market
        for by, part in (
            (exits.tp_by, Exits(take_profit=exits.take_profit)),
            (exits.sl_by, Exits(stop_loss=exits.stop_loss)),
        ):
            base = self.acceptance.trigger_reference(market, by)
            if base is not None:
                check_exit_sides(market, position.side, base, part)

    def _set_full(self, account: Account, position: Position, params: Mapping[str, Any]) -> bool:
        market = position.market
        if any(params.get(f"{side}OrderType", "Market") == "Limit" for side in ("tp", "sl")):
            raise reject("param", "tpslMode Full supports only market tp/sl orders")
        wanted: list[tuple[str, int | None, str]] = []
        for kind, name, prefix in ((PROFIT, "takeProfit", "tp"), (LOSS, "stopLoss", "sl")):
            if decimal_of(params, name) is None:
                continue
            by = choice_of(params, f"{prefix}TriggerBy", TRIGGER_BY, "LastPrice")
            wanted.append((kind, optional_ticks(market, params, name), by))
        exits = Exits()
        for kind, price, by in wanted:
            if kind == PROFIT:
                exits.take_profit, exits.tp_by = price, by
            else:
                exits.stop_loss, exits.sl_by = price, by
        self._check_sides(position, exits)
        changes = [self.exits.set_full(account, position, *one) for one in wanted]
        return any(changes)

    def _add_partial(self, account: Account, position: Position, params: Mapping[str, Any]) -> None:
        market = position.market
        exits = exits_of({**params, "tpslMode": "Partial"}, market)
        if exits is None:
            raise reject("param", "takeProfit or stopLoss is required")
        sizes = {name: decimal_of(params, name) for name in ("tpSize", "slSize")}
        both = exits.take_profit is not None and exits.stop_loss is not None
        if both and sizes["tpSize"] != sizes["slSize"]:
            raise reject("param", "tpSize and slSize must be equal")
        steps = {}
        for name, price in (("tpSize", exits.take_profit), ("slSize", exits.stop_loss)):
            size = sizes[name]
            if price is not None and not size:
                raise reject("param", f"{name} invalid")
            steps[name] = quantity_steps(market, size) if size and price is not None else 0
            if steps[name] > abs(position.size):
                raise reject("param", f"{name} exceeds the position")
        self._check_sides(position, exits)
        self.exits.check_partial_room(position)
        self.exits.add_partial(account, position, exits, steps["tpSize"], steps["slSize"])

    def _set_trailing(
        self, account: Account, position: Position, params: Mapping[str, Any]
    ) -> bool:
        if decimal_of(params, "trailingStop") is None:
            return False
        market = position.market
        distance = optional_ticks(market, params, "trailingStop") or 0
        active = optional_ticks(market, params, "activePrice")
        if (distance, active) == (position.trailing, position.trailing_active):
            return False
        if distance:
            self.exits.set_trailing(account, position, distance, active)
        else:
            self.exits.clear_trailing(account, position)
        return True

    # Pre-check

    def pre_check(self, uid: str, params: Mapping[str, Any]) -> dict[str, Any]:
        """The margin rates before and after an order. The order is checked and not placed."""
        account, market = self.world.account(uid), self._linear_market(params)
        new = read_new_order(params, market)
        if new.trigger is not None:
            raise reject("param", "conditional orders cannot be pre-checked")
        order = self.acceptance.prepare(account, market, new)
        position = account.position(market, order.position_idx)
        adding = 0 if order.reduces else order.leaves
        buying, selling = (adding, 0) if order.side > 0 else (0, adding)
        margin = self.world.margin
        before = margin.account_margin(account)
        after = margin.account_margin(account, position, buying, selling, order.reserved_loss)
        grown = margin.maintenance_after(account, position, buying, selling)
        return {
            "orderId": order.order_id,
            "orderLinkId": order.link_id,
            "preImrE4": _e4(before, before.initial),
            "preMmrE4": _e4(before, before.maintenance),
            "postImrE4": _e4(after, after.initial),
            "postMmrE4": _e4(after, after.maintenance + grown),
        }


def _signed(text: str) -> Decimal:
    """A plain decimal number that may be negative. Raises Reject for any other text."""
    if not _SIGNED.fullmatch(text):
        raise reject("param", "margin invalid")
    return Decimal(text)


def _e4(margin: AccountMargin, part: Decimal) -> int:
    """A rate in units of 0.01 %."""
    return int(part / margin.balance * 10_000) if margin.balance > 0 else 0
