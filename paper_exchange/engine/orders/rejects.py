"""The exchange's refusals: retCode and text for each reason, by category.

The codes are Bybit's. The texts are Bybit's own where Bybit documents them.
"""

from typing import Final

from paper_exchange.types import Reject

CODES: Final[dict[str, tuple[int, int, str]]] = {
    "param": (10001, 10001, "params error: {0}"),
    "symbol": (10001, 170121, "Not supported symbols"),
    "qty_invalid": (10001, 170137, "Qty invalid"),
    "qty_min": (10001, 170136, "The number of contracts exceeds minimum limit allowed"),
    "qty_max": (10001, 170124, "The number of contracts exceeds maximum limit allowed"),
    "qty_max_market": (10001, 170381, "The number of contracts exceeds maximum limit allowed"),
    "price_invalid": (10001, 170134, "Price invalid"),
    "price_zero": (110003, 170133, "Order price exceeds the allowable range."),
    "price_high": (110121, 170193, "Buy order price cannot be higher than {0}."),
    "price_low": (110120, 170194, "Sell order price cannot be lower than {0}."),
    "notional": (110094, 170140, "Order does not meet minimum order value {0}"),
    "link_duplicate": (110072, 170141, "OrderLinkedID is duplicate"),
    "funds": (110007, 170131, "ab not enough for new order"),
    "unknown_order": (110001, 170213, "order not exists or too late to cancel"),
    "reduce_none": (
        110017,
        110017,
        "current position is zero, cannot fix reduce-only order qty",
    ),
    "position_idx": (10001, 10001, "position idx not match position mode"),
    "not_live": (110074, 170151, "This contract is not live"),
    "reduce_mode": (
        110023,
        170210,
        "Currently you can only reduce your position on this contract.",
    ),
    "no_price": (
        110118,
        110118,
        "Unable to retrieve a pruce of the market order due to low liquidity",
    ),
    "too_many_active": (110020, 170810, "Not allowed to have more than 500 active orders."),
    "too_many_stops": (
        110009,
        170810,
        "The number of stop orders exceeds the maximum allowable limit",
    ),
    "risk_limit": (
        110090,
        110090,
        "Order placement failed as your position may exceed the max limit.",
    ),
    "rising": (110092, 110092, "expect Rising, but trigger_price[{0}] <= current[{1}]"),
    "falling": (110093, 110093, "expect Falling, but trigger_price[{0}] >= current[{1}]"),
    "exits_on_reduce": (
        110057,
        170130,
        "Conditional order or limit order contains TP/SL related params",
    ),
    "slippage_ticks": (110108, 110108, "Allowable range: 1 to 10000 tick size"),
    "slippage_percent": (110109, 110109, "Allowable range: 0.01% to 10%"),
    "amend_qty": (
        110064,
        170313,
        "The modified contract quantity cannot be less than or equal to the filled quantity.",
    ),
    "amend_kind": (110032, 170312, "The current order does not support modification"),
    "not_modified": (34040, 34040, "not modified"),
    "unchanged": (10001, 10001, "params error: order not modified"),
    "margin_short": (110044, 110044, "Available margin is insufficient."),
    "margin_mode": (3400045, 3400045, "Set margin mode failed"),
    "leverage_same": (110043, 110043, "leverage not modified"),
    "leverage_tier": (110013, 110013, "cannot set leverage due to risk limit level"),
    "mode_same": (110025, 110025, "Position mode is not modified"),
    "mode_position": (
        110024,
        110024,
        "You have an existing position, so position mode cannot be switched",
    ),
    "mode_orders": (
        110028,
        110028,
        "You have existing open orders, so position mode cannot be switched",
    ),
    "no_position": (
        10001,
        10001,
        "can not set tp/sl/ts for zero position",
    ),
    "exit_side": (10001, 10001, "{0}"),
    "too_many_exits": (
        110061,
        110061,
        "Not allowed to have more than 20 TP/SLs under Partial tpSlMode",
    ),
    "rpi": (110119, 170355, "RPI orders are restricted to approved market makers only"),
    "spot_margin": (170344, 170344, "Symbol is not supported on Margin Trading"),
}
"""Bybit documents no spot twin of 110118, so that both categories use this code."""


def reject(reason: str, *args: object, spot: bool = False) -> Reject:
    """The refusal for a reason. The caller raises it."""
    linear_code, spot_code, text = CODES[reason]
    return Reject(spot_code if spot else linear_code, text.format(*args))
