"""Instrument rules: from Bybit's instruments-info rows, and rows in Bybit's shape for our own."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paper_exchange.types import Category, InstrumentSpec


def spec_from_reply(category: Category, row: Mapping[str, Any]) -> InstrumentSpec:
    """The rules of an instrument from one row of an instruments-info reply."""
    lots: Mapping[str, str] = row["lotSizeFilter"]
    risk: Mapping[str, str] = row["riskParameters"]
    linear = category == "linear"
    return InstrumentSpec(
        category=category,
        symbol=row["symbol"],
        base_coin=row["baseCoin"],
        quote_coin=row["quoteCoin"],
        tick_size=Decimal(row["priceFilter"]["tickSize"]),
        qty_step=Decimal(lots["qtyStep"] if linear else lots["basePrecision"]),
        min_qty=Decimal(lots["minOrderQty"]),
        max_limit_qty=Decimal(lots["maxOrderQty"] if linear else lots["maxLimitOrderQty"]),
        max_market_qty=Decimal(lots["maxMktOrderQty"] if linear else lots["maxMarketOrderQty"]),
        min_notional=Decimal(lots["minNotionalValue"] if linear else lots["minOrderAmt"]),
        max_leverage=Decimal(row["leverageFilter"]["maxLeverage"]) if linear else Decimal(1),
        price_limit_x=Decimal(risk["priceLimitRatioX"]),
        price_limit_y=Decimal(risk["priceLimitRatioY"]),
        funding_interval_minutes=int(row["fundingInterval"]) if linear else 480,
        status=row["status"],
        raw=dict(row),
    )


def reply_row(spec: InstrumentSpec) -> dict[str, Any]:
    """The instruments-info row of a specification that has no recorded one."""
    row: dict[str, Any] = {
        "symbol": spec.symbol,
        "status": spec.status,
        "baseCoin": spec.base_coin,
        "quoteCoin": spec.quote_coin,
        "priceFilter": {"tickSize": _text(spec.tick_size)},
        "riskParameters": {
            "priceLimitRatioX": _text(spec.price_limit_x),
            "priceLimitRatioY": _text(spec.price_limit_y),
        },
        "symbolType": "",
    }
    if spec.category == "spot":
        return row | _spot_fields(spec)
    return row | _linear_fields(spec)


def _linear_fields(spec: InstrumentSpec) -> dict[str, Any]:
    most, market = _text(spec.max_limit_qty), _text(spec.max_market_qty)
    return {
        "contractType": "LinearPerpetual",
        "launchTime": "1584230400000",
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(_places(spec.tick_size)),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": f"{spec.max_leverage:.2f}",
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": _text(spec.tick_size),
            "maxPrice": _text(spec.tick_size * 19_999_998),
            "tickSize": _text(spec.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": most,
            "minOrderQty": _text(spec.min_qty),
            "qtyStep": _text(spec.qty_step),
            "postOnlyMaxOrderQty": most,
            "maxMktOrderQty": market,
            "minNotionalValue": _text(spec.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": spec.funding_interval_minutes,
        "settleCoin": spec.quote_coin,
        "copyTrading": "both",
        "upperFundingRate": "0.005",
        "lowerFundingRate": "-0.005",
        "isPreListing": False,
        "preListingInfo": None,
        "displayName": "",
        "forbidUplWithdrawal": False,
    }


def _spot_fields(spec: InstrumentSpec) -> dict[str, Any]:
    return {
        "innovation": "0",
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": _text(spec.qty_step),
            "quotePrecision": "0.0000001",
            "minOrderQty": _text(spec.min_qty),
            "maxOrderQty": _text(spec.max_limit_qty),
            "minOrderAmt": _text(spec.min_notional),
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": _text(spec.max_limit_qty),
            "maxMarketOrderQty": _text(spec.max_market_qty),
            "postOnlyMaxLimitOrderSize": _text(spec.max_limit_qty),
        },
    }


def _text(value: Decimal) -> str:
    return format(value, "f")


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
