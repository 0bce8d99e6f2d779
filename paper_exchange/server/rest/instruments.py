"""`market/instruments-info` and `market/risk-limit` records from an instrument's rules."""

import zlib
from decimal import Decimal
from typing import Any

from paper_exchange.engine.accounts.margin import risk_tiers
from paper_exchange.engine.settings import EngineSettings
from paper_exchange.server.wire import plain, trimmed
from paper_exchange.types import InstrumentSpec

LAUNCH_TIME = "1585526400000"


def instrument_record(spec: InstrumentSpec) -> dict[str, Any]:
    """An instrument's record.

    It is the exchange's own reply where the source has one, with this instrument's rules on top.
    """
    own = _linear(spec) if spec.category == "linear" else _spot(spec)
    record: dict[str, Any] = {**own, **spec.raw}
    for name, value in own.items():
        if isinstance(value, dict):
            record[name] = {**spec.raw.get(name, {}), **value}
    record["status"] = spec.status
    return record


def _linear(spec: InstrumentSpec) -> dict[str, Any]:
    exponent = spec.tick_size.normalize().as_tuple().exponent
    return {
        "symbolId": _symbol_id(spec),
        "symbol": spec.symbol,
        "contractType": "LinearPerpetual",
        "status": spec.status,
        "baseCoin": spec.base_coin,
        "quoteCoin": spec.quote_coin,
        "launchTime": LAUNCH_TIME,
        "deliveryTime": "0",
        "deliveryFeeRate": "",
        "priceScale": str(max(0, -int(exponent))),
        "leverageFilter": {
            "minLeverage": "1",
            "maxLeverage": plain(spec.max_leverage.quantize(Decimal("0.01"))),
            "leverageStep": "0.01",
        },
        "priceFilter": {
            "minPrice": plain(spec.tick_size),
            "maxPrice": plain(spec.tick_size * 19_999_998),
            "tickSize": plain(spec.tick_size),
        },
        "lotSizeFilter": {
            "maxOrderQty": plain(spec.max_limit_qty),
            "minOrderQty": plain(spec.min_qty),
            "qtyStep": plain(spec.qty_step),
            "postOnlyMaxOrderQty": plain(spec.max_limit_qty),
            "maxMktOrderQty": plain(spec.max_market_qty),
            "minNotionalValue": trimmed(spec.min_notional),
        },
        "unifiedMarginTrade": True,
        "fundingInterval": spec.funding_interval_minutes,
        "settleCoin": spec.quote_coin,
        "copyTrading": "none",
        "upperFundingRate": "0.00375",
        "lowerFundingRate": "-0.00375",
        "isPreListing": False,
        "preListingInfo": None,
        "riskParameters": _bands(spec),
        "symbolType": "",
    }


def _spot(spec: InstrumentSpec) -> dict[str, Any]:
    return {
        "symbolId": _symbol_id(spec),
        "symbol": spec.symbol,
        "baseCoin": spec.base_coin,
        "quoteCoin": spec.quote_coin,
        "innovation": "0",
        "status": spec.status,
        "marginTrading": "utaOnly",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": plain(spec.qty_step),
            "quotePrecision": plain(spec.qty_step * spec.tick_size),
            "minOrderQty": plain(spec.min_qty),
            "maxOrderQty": plain(spec.max_limit_qty),
            "minOrderAmt": trimmed(spec.min_notional),
            "maxOrderAmt": "8000000",
            "maxLimitOrderQty": plain(spec.max_limit_qty),
            "maxMarketOrderQty": plain(spec.max_market_qty),
            "postOnlyMaxLimitOrderSize": plain(spec.max_limit_qty),
        },
        "priceFilter": {"tickSize": plain(spec.tick_size)},
        "riskParameters": _bands(spec),
        "symbolType": "",
        "xstockMultiplier": "1",
    }


def _symbol_id(spec: InstrumentSpec) -> int:
    """A number that stays the same over restarts."""
    return 1 + zlib.crc32(f"{spec.category} {spec.symbol}".encode()) % 1_000_000


def _bands(spec: InstrumentSpec) -> dict[str, str]:
    return {
        "priceLimitRatioX": plain(spec.price_limit_x),
        "priceLimitRatioY": plain(spec.price_limit_y),
    }


def risk_limit_rows(spec: InstrumentSpec, settings: EngineSettings) -> list[dict[str, Any]]:
    """The tiers by which the engine computes margin."""
    return [
        {
            "id": tier.tier,
            "symbol": spec.symbol,
            "riskLimitValue": plain(tier.limit),
            "maintenanceMargin": trimmed(tier.maintenance_rate),
            "initialMargin": trimmed(tier.initial_rate),
            "isLowestRisk": int(tier.tier == 1),
            "maxLeverage": plain(tier.max_leverage),
            "mmDeduction": trimmed(tier.deduction) if tier.deduction else "",
        }
        for tier in risk_tiers(spec, settings)
    ]
