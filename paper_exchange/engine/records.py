"""Bybit-shaped records of orders and executions: documented field names and string formats."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from paper_exchange.engine.accounts.account import ZERO
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.numbers import grid, grid_or_zero, money, plain
from paper_exchange.engine.orders.order import SIDE_NAME, Order


@dataclass(frozen=True, slots=True)
class Execution:
    """One fill or funding payment of one order. Money is Decimal; sizes are in grid units."""

    uid: str
    market: Market
    seq: int
    exec_id: str
    time_ms: int
    order_id: str
    link_id: str
    side: int
    order_type: str
    order_price: int
    order_qty: int
    leaves: int
    stop_order_type: str
    create_type: str
    market_unit: str
    price: Decimal
    qty: int
    value: Decimal
    fee: Decimal
    fee_coin: str
    fee_rate: Decimal
    is_maker: bool
    exec_type: str
    mark: Decimal | None
    index: Decimal | None
    closed_size: int
    pnl: Decimal


def optional(value: Decimal | None) -> str:
    """The amount in plain digits; empty for None."""
    return "" if value is None else plain(value)


def execution_record(item: Execution) -> dict[str, Any]:
    """A row of `execution/list`."""
    market = item.market
    return {
        "symbol": market.symbol,
        "orderId": item.order_id,
        "orderLinkId": item.link_id,
        "side": SIDE_NAME[item.side],
        "orderPrice": grid_or_zero(market.price(item.order_price)),
        "orderQty": grid(market.quantity(item.order_qty)),
        "leavesQty": grid_or_zero(market.quantity(item.leaves)),
        "createType": item.create_type,
        "orderType": item.order_type,
        "stopOrderType": item.stop_order_type or "UNKNOWN",
        "execFee": plain(item.fee),
        "execFeeV2": "",
        "execId": item.exec_id,
        "execPrice": plain(item.price),
        "execQty": grid(market.quantity(item.qty)),
        "execType": item.exec_type,
        "execValue": plain(item.value),
        "execTime": str(item.time_ms),
        "feeCurrency": item.fee_coin,
        "isMaker": item.is_maker,
        "feeRate": plain(item.fee_rate),
        "tradeIv": "",
        "markIv": "",
        "markPrice": optional(item.mark),
        "indexPrice": optional(item.index),
        "underlyingPrice": "",
        "blockTradeId": "",
        "closedSize": grid_or_zero(market.quantity(item.closed_size)),
        "seq": item.seq,
        "extraFees": "",
    }


def execution_stream(item: Execution) -> dict[str, Any]:
    """A row of the `execution` topic."""
    record = execution_record(item)
    del record["execFeeV2"]
    record["category"] = item.market.category
    record["isLeverage"] = "0"
    record["execPnl"] = plain(item.pnl)
    record["marketUnit"] = item.market_unit
    record["extraFees"] = []
    return record


def _exit_fields(order: Order) -> dict[str, Any]:
    market, exits = order.market, order.exits

    def shown(ticks: int | None) -> str:
        return "" if ticks is None else grid(market.price(ticks))

    if exits is None:
        return {
            "takeProfit": "",
            "stopLoss": "",
            "tpslMode": "",
            "tpLimitPrice": "",
            "slLimitPrice": "",
            "tpTriggerBy": "",
            "slTriggerBy": "",
        }
    return {
        "takeProfit": shown(exits.take_profit),
        "stopLoss": shown(exits.stop_loss),
        "tpslMode": exits.mode,
        "tpLimitPrice": shown(exits.tp_limit),
        "slLimitPrice": shown(exits.sl_limit),
        "tpTriggerBy": exits.tp_by if exits.take_profit is not None else "",
        "slTriggerBy": exits.sl_by if exits.stop_loss is not None else "",
    }


def order_record(order: Order) -> dict[str, Any]:
    """A row of `order/realtime` and `order/history`."""
    market = order.market
    leaves = 0 if order.is_final else order.leaves
    value = order.value * market.unit
    average = "0"
    if order.filled:
        average = money(value / market.quantity(order.filled))
    quantity = order.qty if order.quote_budget is None else 0
    shown_qty = grid(market.quantity(quantity))
    if order.quote_budget is not None:
        shown_qty = plain(order.quote_budget)
        leaves = 0
    fees = {coin: plain(fee) for coin, fee in order.fees.items()}
    trigger = order.trigger
    last = order.last_on_created
    record: dict[str, Any] = {
        "orderId": order.order_id,
        "orderLinkId": order.link_id,
        "parentOrderLinkId": order.parent_link_id,
        "blockTradeId": "",
        "symbol": market.symbol,
        "price": grid_or_zero(market.price(order.price)),
        "qty": shown_qty,
        "side": SIDE_NAME[order.side],
        "isLeverage": "0" if market.is_spot else "",
        "positionIdx": order.position_idx,
        "orderStatus": order.status,
        "createType": order.create_type,
        "cancelType": order.cancel_type,
        "rejectReason": order.reject_reason,
        "avgPrice": average,
        "leavesQty": grid_or_zero(market.quantity(leaves)),
        "leavesValue": plain(leaves * order.price * market.unit),
        "cumExecQty": grid_or_zero(market.quantity(order.filled)),
        "cumExecValue": plain(value),
        "cumExecFee": plain(sum(order.fees.values(), ZERO)),
        "cumFeeDetail": fees,
        "timeInForce": order.time_in_force,
        "orderType": "Market" if order.is_market else "Limit",
        "stopOrderType": order.stop_order_type,
        "orderIv": "",
        "marketUnit": order.market_unit,
        "slippageToleranceType": order.slippage_type or "UNKNOWN",
        "slippageTolerance": order.slippage,
        "triggerPrice": "" if trigger is None else grid(market.price(trigger.price)),
        "triggerDirection": 0 if trigger is None else trigger.direction,
        "triggerBy": "" if trigger is None else trigger.by,
        "lastPriceOnCreated": "" if last is None else grid(market.price(last)),
        "reduceOnly": order.reduce_only,
        "closeOnTrigger": order.close_on_trigger,
        "placeType": "",
        "smpType": order.smp_type,
        "smpGroup": 0,
        "smpOrderId": order.smp_order_id,
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
        "extraFees": "",
        "rpiTakerAccess": False,
        "rpiMatchedQty": "0",
    }
    record.update(_exit_fields(order))
    if market.is_spot:
        record["basePrice"] = record["lastPriceOnCreated"]
        record["ocoTriggerBy"] = ""
    return record


def order_stream(order: Order) -> dict[str, Any]:
    """A row of the `order` topic."""
    record = order_record(order)
    record["category"] = order.market.category
    record["closedPnl"] = money(order.closed_pnl)
    record["feeCurrency"] = next(iter(order.fees), "") if order.is_spot else ""
    return record
