"""Records have the fields that the facts (3.4, 3.5) list, and strings where Bybit has strings."""

from typing import Any

ORDER = """orderId orderLinkId parentOrderLinkId blockTradeId symbol price qty side isLeverage
positionIdx orderStatus createType cancelType rejectReason avgPrice leavesQty leavesValue
cumExecQty cumExecValue cumExecFee cumFeeDetail timeInForce orderType stopOrderType orderIv
marketUnit slippageToleranceType slippageTolerance triggerPrice takeProfit stopLoss tpslMode
tpLimitPrice slLimitPrice tpTriggerBy slTriggerBy triggerDirection triggerBy lastPriceOnCreated
reduceOnly closeOnTrigger placeType smpType smpGroup smpOrderId createdTime updatedTime extraFees
rpiTakerAccess rpiMatchedQty"""
ORDER_STREAM = "category closedPnl feeCurrency"
EXECUTION = """symbol orderId orderLinkId side orderPrice orderQty leavesQty createType orderType
stopOrderType execFee execId execPrice execQty execType execValue execTime feeCurrency isMaker
feeRate markPrice indexPrice closedSize seq extraFees"""
EXECUTION_STREAM = "category isLeverage execPnl marketUnit"
POSITION = """positionIdx riskId riskLimitValue symbol side size positionValue autoAddMargin
positionStatus leverage breakEvenPrice markPrice liqPrice positionIM positionMM positionIMByMp
positionMMByMp takeProfit stopLoss trailingStop unrealisedPnl curRealisedPnl cumRealisedPnl
adlRankIndicator createdTime updatedTime openTime seq isReduceOnly mmrSysUpdatedTime
leverageSysUpdatedTime"""
WALLET = """accountType totalEquity totalWalletBalance totalMarginBalance totalAvailableBalance
totalPerpUPL totalInitialMargin totalMaintenanceMargin accountIMRate accountMMRate coin"""
COIN = """coin equity walletBalance usdValue locked totalOrderIM totalPositionIM totalPositionMM
unrealisedPnl cumRealisedPnl bonus borrowAmount spotBorrow accruedInterest marginCollateral
collateralSwitch colRes availableToWithdraw"""
NOT_STRINGS = {
    "positionIdx": int, "openTime": int, "triggerDirection": int, "smpGroup": int, "seq": int,
    "riskId": int, "autoAddMargin": int, "adlRankIndicator": int, "tradeMode": int,
    "reduceOnly": bool, "closeOnTrigger": bool, "rpiTakerAccess": bool, "isMaker": bool,
    "isReduceOnly": bool, "collateralSwitch": bool, "marginCollateral": bool, "cumFeeDetail": dict,
    "coin": (str, list), "extraFees": (str, list),
}  # fmt: skip
SCOPE = {"category": "linear", "symbol": "BTCUSDT"}


def check(row: Any, *names: str) -> None:
    wanted = {name for text in names for name in text.split()}
    assert wanted <= row.keys(), wanted - row.keys()
    for name, value in row.items():
        assert isinstance(value, NOT_STRINGS.get(name, str)), (name, value)
        assert not isinstance(value, str) or "E" not in value or not value[:1].isdigit()


def test_rest_records_have_the_documented_fields(desk: Any) -> None:
    desk.create("Buy", "1")
    order = desk.create("Sell", "0.4", "100")
    check(desk.order(order), ORDER)
    check(desk.engine.executions("u1", SCOPE, desk.now)[0], EXECUTION)
    check(desk.position(), POSITION, "avgPrice")
    check(desk.engine.wallet("u1"), WALLET)
    check(desk.engine.wallet("u1")["coin"][0], COIN)


def test_stream_records_add_theirs_and_call_the_entry_entry_price(desk: Any) -> None:
    desk.create("Buy", "1")
    rows = {}
    desk.events()
    for event in desk.seen:
        rows[event.topic] = event.data
    check(rows["order"], ORDER, ORDER_STREAM)
    check(rows["execution"], EXECUTION, EXECUTION_STREAM)
    check(rows["position"], POSITION, "category entryPrice")
    assert "avgPrice" not in rows["position"]
    check(rows["wallet"], WALLET)


def test_quantities_and_prices_keep_the_decimals_of_their_grid(desk: Any) -> None:
    row = desk.order(desk.create("Buy", "1", "99"))
    assert (row["qty"], row["leavesQty"], row["cumExecQty"]) == ("1.000", "1.000", "0")
    assert (row["price"], row["leavesValue"], row["avgPrice"]) == ("99.0", "99", "0")


def test_nothing_left_and_nothing_filled_are_a_bare_zero(desk: Any) -> None:
    """Clients ask for the text "0", as Bybit sends it, and not for its value."""
    desk.create("Buy", "1")
    stop = desk.create("Sell", "1", reduceOnly=True, triggerPrice="90", triggerDirection=2)
    waiting = desk.order(stop)
    assert (waiting["leavesQty"], waiting["cumExecQty"]) == ("1.000", "0")
    desk.events()
    (fill,) = (event.data for event in desk.seen if event.topic == "execution")
    assert (fill["execQty"], fill["leavesQty"], fill["closedSize"]) == ("1.000", "0", "0")
    (filled,) = (
        event.data
        for event in desk.seen
        if event.topic == "order" and event.data["orderStatus"] == "Filled"
    )
    assert (filled["leavesQty"], filled["cumExecQty"]) == ("0", "1.000")


def test_linear_ids_are_uuids(desk: Any) -> None:
    order = desk.create("Buy", "1")
    assert [len(part) for part in order.split("-")] == [8, 4, 4, 4, 12]
