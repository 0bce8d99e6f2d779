"""Reads the parameters of an order request strictly and checks them against the instrument."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.order import SIDE_SIGN, Exits, Trigger
from paper_exchange.engine.orders.rejects import reject

NUMBER: Final = re.compile(r"[0-9]{1,15}(?:\.[0-9]{1,18})?")
"""Fifteen digits keep every quotient by a step within Decimal's 28 digits."""
LINK_ID: Final = re.compile(r"[A-Za-z0-9_-]{0,36}")
TIME_IN_FORCE: Final = frozenset({"GTC", "IOC", "FOK", "PostOnly"})
TRIGGER_BY: Final = frozenset({"LastPrice", "MarkPrice", "IndexPrice"})
SMP_TYPES: Final = frozenset({"None", "CancelMaker", "CancelTaker", "CancelBoth"})
QUOTE_DECIMALS: Final = Decimal("0.00000001")
"""The default where the source doesn't name a spot symbol's quotePrecision."""


@dataclass(frozen=True, slots=True)
class NewOrder:
    """A create request in ticks and steps. `price` is 0 for Market; `qty` is 0 to close all."""

    side: int
    is_market: bool
    time_in_force: str
    price: int
    qty: int
    link_id: str
    position_idx: int
    reduce_only: bool
    close_on_trigger: bool
    smp_type: str
    order_filter: str
    market_unit: str
    quote_budget: Decimal | None
    slippage_type: str
    slippage: str
    trigger: Trigger | None
    exits: Exits | None


def decimal_of(params: Mapping[str, Any], name: str) -> Decimal | None:
    """A non-negative decimal string; None when absent or empty. Raises Reject for anything else."""
    raw = params.get(name)
    if raw is None or raw == "":
        return None
    if not isinstance(raw, str) or not NUMBER.fullmatch(raw):
        raise reject("param", f"{name} invalid")
    return Decimal(raw)


def choice_of(params: Mapping[str, Any], name: str, allowed: frozenset[str], default: str) -> str:
    """The parameter if it is an allowed word; `default` when absent.

    Raises Reject for anything else.
    """
    raw = params.get(name)
    if raw is None or raw == "":
        return default
    if not isinstance(raw, str) or raw not in allowed:
        raise reject("param", f"{name} invalid")
    return raw


def required_choice(params: Mapping[str, Any], name: str, allowed: frozenset[str]) -> str:
    """The parameter if it is an allowed word. Raises Reject when it is absent or another word."""
    chosen = choice_of(params, name, allowed, "")
    if not chosen:
        raise reject("param", f"{name} invalid")
    return chosen


def flag_of(params: Mapping[str, Any], name: str) -> bool:
    """The boolean parameter; False when absent. Raises Reject for anything else."""
    raw = params.get(name, False)
    if not isinstance(raw, bool):
        raise reject("param", f"{name} invalid")
    return raw


def integer_of(params: Mapping[str, Any], name: str, default: int = 0) -> int:
    """The whole number; `default` when absent. Raises Reject for anything else."""
    raw = params.get(name, default)
    if isinstance(raw, bool) or not isinstance(raw, int):
        raise reject("param", f"{name} invalid")
    return raw


def link_id_of(params: Mapping[str, Any]) -> str:
    """The client's order id.

    Empty when absent. Raises Reject with Bybit's texts when it is too long or has other
    characters than letters, digits, `-` and `_`.
    """
    raw = params.get("orderLinkId") or ""
    if isinstance(raw, str) and len(raw) > 36:
        raise reject("param", "order link id is longer than 45")
    if not isinstance(raw, str) or not LINK_ID.fullmatch(raw):
        raise reject("param", "orderLinkId invalid")
    return raw


def price_ticks(market: Market, price: Decimal, name: str = "price") -> int:
    """A price in ticks of the source's grid.

    Raises Reject for a price off the present tick size.
    """
    if price % market.spec.tick_size:
        if name == "price":
            raise reject("price_invalid", spot=market.is_spot)
        raise reject("param", f"{name} invalid")
    return int(price / market.tick)


def optional_ticks(market: Market, params: Mapping[str, Any], name: str) -> int | None:
    """An optional price in ticks. A price of "0" means none, as at Bybit."""
    value = decimal_of(params, name)
    return price_ticks(market, value, name) if value else None


def quantity_steps(market: Market, qty: Decimal) -> int:
    """The quantity in steps. Raises Reject when it is off the instrument's grid."""
    if qty % market.spec.qty_step:
        raise reject("qty_invalid", spot=market.is_spot)
    return int(qty / market.step)


def check_size(market: Market, qty: Decimal, is_market: bool, exempt_max: bool) -> None:
    """Checks minimum and maximum quantity.

    Reduce-only orders above the maximum are split and therefore exempt from it.
    """
    spec, spot = market.spec, market.is_spot
    if qty < spec.min_qty or not qty:
        raise reject("qty_min", spot=spot)
    if exempt_max:
        return
    if is_market and qty > spec.max_market_qty:
        raise reject("qty_max_market", spot=spot)
    if not is_market and qty > spec.max_limit_qty:
        raise reject("qty_max", spot=spot)


def check_notional(market: Market, value: Decimal) -> None:
    """Raises Reject when the order's value is under the instrument's minimum."""
    if value < market.spec.min_notional:
        shown = f"{market.spec.min_notional.normalize():f}{market.quote}"
        raise reject("notional", shown, spot=market.is_spot)


def _trigger_of(params: Mapping[str, Any], market: Market) -> Trigger | None:
    price = decimal_of(params, "triggerPrice")
    if not price:
        return None
    by = choice_of(params, "triggerBy", TRIGGER_BY, "LastPrice")
    direction = integer_of(params, "triggerDirection")
    if direction not in (0, 1, 2) or (not direction and not market.is_spot):
        raise reject("param", "triggerDirection invalid")
    return Trigger(price_ticks(market, price, "triggerPrice"), direction, by)


def exits_of(params: Mapping[str, Any], market: Market) -> Exits | None:
    """The attached take-profit and stop-loss of a request."""
    take = optional_ticks(market, params, "takeProfit")
    stop = optional_ticks(market, params, "stopLoss")
    for name, price in (("tpLimitPrice", take), ("slLimitPrice", stop)):
        if price is None and decimal_of(params, name):
            raise reject("param", f"{name} invalid")
    if take is None and stop is None:
        return None
    mode = choice_of(params, "tpslMode", frozenset({"Full", "Partial"}), "Full")
    exits = Exits(
        take_profit=take,
        stop_loss=stop,
        tp_by=choice_of(params, "tpTriggerBy", TRIGGER_BY, "LastPrice"),
        sl_by=choice_of(params, "slTriggerBy", TRIGGER_BY, "LastPrice"),
        mode=mode,
        tp_limit=limit_exit_of(params, market, "tp"),
        sl_limit=limit_exit_of(params, market, "sl"),
    )
    has_limit = exits.tp_limit is not None or exits.sl_limit is not None
    if has_limit and mode == "Full" and not market.is_spot:
        raise reject("param", "tpslMode Full supports only market tp/sl orders")
    return exits


def limit_exit_of(params: Mapping[str, Any], market: Market, prefix: str) -> int | None:
    """The limit price of a take-profit or stop-loss that is a limit order."""
    kind = choice_of(params, f"{prefix}OrderType", frozenset({"Market", "Limit"}), "Market")
    price = optional_ticks(market, params, f"{prefix}LimitPrice")
    if (kind == "Limit") != (price is not None):
        raise reject("param", f"{prefix}LimitPrice invalid")
    return price


def limit_price(params: Mapping[str, Any], market: Market, side: int) -> int:
    """The price of a Limit order in ticks: its own price, or the book's level that it names."""
    level = _book_level(params, market, side)
    if level is not None:
        return level
    value = decimal_of(params, "price")
    if value is None:
        raise reject("param", "price invalid")
    price = price_ticks(market, value)
    if not price:
        raise reject("price_zero", spot=market.is_spot)
    return price


def _book_level(params: Mapping[str, Any], market: Market, side: int) -> int | None:
    """The price of the book level that `bboSideType` and `bboLevel` name.

    The level is 1 to 5, on the own side (Queue) or the opposite one (Counterparty). The price is
    None when the request names no level.
    """
    kind = choice_of(params, "bboSideType", frozenset({"Queue", "Counterparty"}), "")
    level = choice_of(params, "bboLevel", frozenset("12345"), "")
    if not kind and not level:
        return None
    if not kind or not level or market.is_spot or decimal_of(params, "triggerPrice"):
        raise reject("param", "bboSideType or bboLevel invalid")
    levels = market.depth(-side if kind == "Counterparty" else side, int(level))
    if len(levels) < int(level):
        raise reject("no_price", spot=False)
    return levels[-1][0]


def _slippage_of(params: Mapping[str, Any], is_market: bool) -> tuple[str, str]:
    kinds = frozenset({"TickSize", "Percent", "UNKNOWN"})
    kind = choice_of(params, "slippageToleranceType", kinds, "")
    value = decimal_of(params, "slippageTolerance")
    if kind in ("", "UNKNOWN") or value is None:
        return "", ""
    if not is_market:
        raise reject("param", "slippageTolerance is for market orders")
    if kind == "TickSize" and (value % 1 or not 1 <= value <= 10_000):
        raise reject("slippage_ticks")
    if kind == "Percent" and (value % Decimal("0.01") or not Decimal("0.01") <= value <= 10):
        raise reject("slippage_percent")
    return kind, str(params["slippageTolerance"])


def _quote_budget(params: Mapping[str, Any], market: Market, side: int) -> tuple[str, bool]:
    """The request's marketUnit, and whether its quantity is in quote coin."""
    units = frozenset({"baseCoin", "quoteCoin"})
    default = "quoteCoin" if side > 0 else "baseCoin"
    unit = choice_of(params, "marketUnit", units, default) if market.is_spot else ""
    return unit, unit == "quoteCoin"


def _quote_precision(market: Market) -> Decimal:
    lot = market.spec.raw.get("lotSizeFilter", {})
    return Decimal(str(lot.get("quotePrecision", QUOTE_DECIMALS)))


def read_new_order(params: Mapping[str, Any], market: Market) -> NewOrder:
    """Reads a create request and checks it against its instrument alone."""
    spot = market.is_spot
    side = SIDE_SIGN[required_choice(params, "side", frozenset(SIDE_SIGN))]
    kinds = frozenset({"Market", "Limit"})
    is_market = required_choice(params, "orderType", kinds) == "Market"
    reduce_only, close = flag_of(params, "reduceOnly"), flag_of(params, "closeOnTrigger")
    qty = decimal_of(params, "qty")
    if qty is None:
        raise reject("param", "qty invalid")
    unit, by_value = _quote_budget(params, market, side) if is_market else ("", False)
    steps, budget = 0, None
    if by_value:
        if qty % _quote_precision(market):
            raise reject("qty_invalid", spot=True)
        budget = qty
        check_notional(market, qty)
    elif qty or not (reduce_only and close):
        steps = quantity_steps(market, qty)
        check_size(market, qty, is_market, reduce_only and not spot)
    price = 0 if is_market else limit_price(params, market, side)
    if params.get("timeInForce") == "RPI":
        raise reject("rpi", spot=spot)
    if spot and integer_of(params, "isLeverage"):
        raise reject("spot_margin")
    tif = choice_of(params, "timeInForce", TIME_IN_FORCE, "GTC")
    slippage_type, slippage = _slippage_of(params, is_market)
    exits = exits_of(params, market)
    if exits is not None and reduce_only:
        raise reject("exits_on_reduce", spot=spot)
    filters = frozenset({"Order", "tpslOrder", "StopOrder"})
    return NewOrder(
        side=side,
        is_market=is_market,
        time_in_force="IOC" if is_market else tif,
        price=price,
        qty=steps,
        link_id=link_id_of(params),
        position_idx=0 if spot else integer_of(params, "positionIdx"),
        reduce_only=reduce_only and not spot,
        close_on_trigger=close and not spot,
        smp_type=choice_of(params, "smpType", SMP_TYPES, "None"),
        order_filter=choice_of(params, "orderFilter", filters, "Order"),
        market_unit=unit,
        quote_budget=budget,
        slippage_type=slippage_type,
        slippage=slippage,
        trigger=_trigger_of(params, market),
        exits=exits,
    )
