"""Field names and JSON types of Bybit's answers, written down from Bybit's documentation."""

from collections.abc import Mapping
from typing import Any

NUMBER = "a decimal number in a string"
OPTIONAL_NUMBER = "a decimal number in a string, or an empty string"


def texts(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), str)


def numbers(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), NUMBER)


def optional(names: str) -> dict[str, Any]:
    return dict.fromkeys(names.split(), OPTIONAL_NUMBER)


ENVELOPE = {"retCode": int, "retMsg": str, "result": dict, "retExtInfo": dict, "time": int}
ORDER = (
    texts(
        "orderId orderLinkId parentOrderLinkId blockTradeId symbol side orderStatus createType"
        " cancelType rejectReason timeInForce orderType stopOrderType orderIv marketUnit"
        " slippageToleranceType tpslMode tpTriggerBy slTriggerBy triggerBy placeType smpType"
        " smpOrderId"
    )
    | numbers("price qty leavesQty cumExecQty cumExecValue createdTime updatedTime")
    | optional("avgPrice triggerPrice takeProfit stopLoss tpLimitPrice slLimitPrice")
    | {
        "positionIdx": int,
        "triggerDirection": int,
        "reduceOnly": bool,
        "closeOnTrigger": bool,
        "smpGroup": int,
        "cumFeeDetail": dict,
    }
)
ORDER_STREAM = ORDER | texts("category feeCurrency") | numbers("closedPnl")
EXECUTION = (
    texts(
        "symbol orderId orderLinkId side createType orderType stopOrderType execId execType"
        " feeCurrency"
    )
    | numbers(
        "orderPrice orderQty leavesQty execFee execPrice execQty execValue execTime feeRate"
        " markPrice"
    )
    | optional("indexPrice closedSize")
    | {"isMaker": bool, "seq": int}
)
EXECUTION_STREAM = EXECUTION | texts("category isLeverage") | numbers("execPnl")
FAST_EXECUTION = (
    texts("category symbol orderId orderLinkId execId side")
    | numbers("execPrice execQty execTime")
    | {"isMaker": bool, "seq": int}
)
_POSITION = (
    texts("symbol side positionStatus tpslMode")
    | numbers("size positionValue leverage markPrice curRealisedPnl cumRealisedPnl riskLimitValue")
    | optional(
        "breakEvenPrice liqPrice positionIM positionMM takeProfit stopLoss trailingStop"
        " unrealisedPnl createdTime updatedTime"
    )
    | {
        "positionIdx": int,
        "riskId": int,
        "autoAddMargin": int,
        "adlRankIndicator": int,
        "seq": int,
        "isReduceOnly": bool,
    }
)
POSITION = _POSITION | optional("avgPrice")
POSITION_STREAM = _POSITION | texts("category") | optional("entryPrice")
COIN = (
    {"coin": str, "marginCollateral": bool, "collateralSwitch": bool}
    | numbers(
        "equity walletBalance usdValue locked unrealisedPnl cumRealisedPnl borrowAmount bonus"
    )
    | numbers("totalOrderIM totalPositionIM totalPositionMM accruedInterest spotBorrow")
)
WALLET = (
    {"accountType": str, "coin": [COIN]}
    | numbers("totalEquity totalWalletBalance totalMarginBalance totalAvailableBalance")
    | numbers("totalPerpUPL totalInitialMargin totalMaintenanceMargin accountIMRate accountMMRate")
)
LINEAR_TICKER = (
    texts("symbol curPreListingPhase")
    | numbers("lastPrice indexPrice markPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h")
    | numbers("prevPrice1h openInterest openInterestValue turnover24h volume24h fundingRate")
    | numbers(
        "nextFundingTime fundingIntervalHour fundingCap bid1Price bid1Size ask1Price ask1Size"
    )
)
SPOT_TICKER = (
    texts("symbol")
    | numbers("lastPrice prevPrice24h price24hPcnt highPrice24h lowPrice24h turnover24h volume24h")
    | numbers("bid1Price bid1Size ask1Price ask1Size usdIndexPrice")
)
LINEAR_INSTRUMENT = (
    texts("symbol contractType status baseCoin quoteCoin settleCoin")
    | numbers("launchTime deliveryTime priceScale")
    | {
        "leverageFilter": numbers("minLeverage maxLeverage leverageStep"),
        "priceFilter": numbers("minPrice maxPrice tickSize"),
        "lotSizeFilter": numbers("maxOrderQty minOrderQty qtyStep maxMktOrderQty minNotionalValue"),
        "riskParameters": numbers("priceLimitRatioX priceLimitRatioY"),
        "fundingInterval": int,
        "unifiedMarginTrade": bool,
        "isPreListing": bool,
    }
)
SPOT_INSTRUMENT = texts("symbol status baseCoin quoteCoin") | {
    "lotSizeFilter": numbers(
        "basePrecision quotePrecision minOrderAmt maxLimitOrderQty maxMarketOrderQty"
    ),
    "priceFilter": numbers("tickSize"),
}
BOOK = {"s": str, "b": [[NUMBER]], "a": [[NUMBER]], "u": int, "seq": int}
ORDERBOOK = BOOK | {"ts": int, "cts": int}
RECENT_TRADE = (
    texts("execId symbol side")
    | numbers("price size time seq")
    | {"isBlockTrade": bool, "isRPITrade": bool}
)
PUBLIC_TRADE = {
    **{"T": int, "s": str, "S": str, "v": NUMBER, "p": NUMBER, "L": str, "i": str},
    **{"BT": bool, "RPI": bool, "seq": int},
}
KLINE_STREAM = {
    **{"start": int, "end": int, "interval": str, "confirm": bool, "timestamp": int},
    **numbers("open close high low volume turnover"),
}
RISK_TIER = {
    **{"id": int, "symbol": str, "isLowestRisk": int},
    **numbers("riskLimitValue maintenanceMargin initialMargin maxLeverage"),
    **optional("mmDeduction"),
}
CLOSED_PNL = texts("symbol orderType side orderId execType") | numbers(
    "leverage updatedTime closedPnl avgEntryPrice qty cumEntryValue createdTime orderPrice"
    " closedSize avgExitPrice fillCount cumExitValue"
)
TRANSACTION = (
    texts("id symbol category side type currency orderId orderLinkId tradeId transSubType")
    | numbers("transactionTime qty tradePrice fee cashFlow change cashBalance feeRate")
    | optional("funding size")
)
BATCH_ROW = texts("category symbol orderId orderLinkId")
PRE_CHECK = {
    **{"orderId": str, "orderLinkId": str},
    **{"preImrE4": int, "preMmrE4": int, "postImrE4": int, "postMmrE4": int},
}


def check(value: Any, shape: Any, where: str = "$") -> None:
    """Fails naming the place where a value lacks a field or has another type."""
    if isinstance(shape, Mapping):
        assert isinstance(value, dict), f"{where}: {value!r} is no object"
        for name, inner in shape.items():
            assert name in value, f"{where}: no field {name}"
            check(value[name], inner, f"{where}.{name}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{where}: {value!r} is no list"
        assert value, f"{where}: nothing to check"
        for index, item in enumerate(value):
            check(item, shape[0], f"{where}[{index}]")
    elif shape in (NUMBER, OPTIONAL_NUMBER):
        assert isinstance(value, str), f"{where}: {value!r} is no string"
        if value or shape == NUMBER:
            digits = value.removeprefix("-").replace(".", "", 1)
            assert digits.isascii(), f"{where}: {value!r}"
            assert digits.isdigit(), f"{where}: {value!r} is no plain number"
    else:
        assert type(value) is shape, f"{where}: {value!r} is no {shape.__name__}"
