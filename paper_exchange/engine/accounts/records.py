"""Bybit-shaped records of positions, wallets, the cash ledger and closed PnL."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from paper_exchange.engine.accounts.account import ZERO, Account, Position
from paper_exchange.engine.accounts.ledger import LogRow
from paper_exchange.engine.accounts.margin import AccountMargin, PositionMargin, tier_for
from paper_exchange.engine.numbers import grid, money, plain
from paper_exchange.engine.orders.order import SIDE_NAME, Order
from paper_exchange.engine.settings import EngineSettings


def break_even(account: Account, position: Position) -> Decimal | None:
    """The price at which closing brings neither profit nor loss.

    It is (entry x qty - realised) / (qty - abs(qty) x max(taker, 0.00055)), with a signed qty.
    """
    if not position.size:
        return None
    qty = position.quantity()
    rate = max(account.config.linear_taker_rate, Decimal("0.00055"))
    side = position.side
    divisor = side * qty - qty * rate
    return (side * position.cost - position.cur_realised) / divisor if divisor else None


def _position_exit(position: Position, kind: str) -> str:
    order = position.exits.get(kind)
    if order is None or order.trigger is None:
        return ""
    return grid(position.market.price(order.trigger.price))


def position_record(
    account: Account,
    position: Position,
    margin: PositionMargin,
    settings: EngineSettings,
    liquidation: Decimal | None,
) -> dict[str, Any]:
    """A row of `position/list`."""
    market = position.market
    mark = market.mark() or ZERO
    tier = tier_for(position.quantity() * mark, market.spec, settings)
    even = break_even(account, position)
    im, mm = money(margin.position_im), money(margin.maintenance)
    active = position.trailing_active
    return {
        "positionIdx": position.idx,
        "tradeMode": 0,
        "riskId": tier.tier,
        "riskLimitValue": plain(tier.limit),
        "symbol": market.symbol,
        "side": SIDE_NAME.get(position.side, ""),
        "size": grid(position.quantity()),
        "avgPrice": money(position.average()),
        "positionValue": money(position.cost),
        "autoAddMargin": 0,
        "positionBalance": im,
        "positionStatus": position.status,
        "leverage": plain(position.leverage),
        "breakEvenPrice": "" if even is None else money(even),
        "markPrice": plain(mark),
        "liqPrice": "" if liquidation is None else plain(liquidation),
        "bustPrice": "",
        "positionIM": im,
        "positionIMByMp": im,
        "positionMM": mm,
        "positionMMByMp": mm,
        "tpslMode": position.tpsl_mode,
        "takeProfit": _position_exit(position, "TakeProfit"),
        "stopLoss": _position_exit(position, "StopLoss"),
        "trailingStop": plain(market.price(position.trailing)),
        "activePrice": "" if active is None else grid(market.price(active)),
        "sessionAvgPrice": "",
        "unrealisedPnl": money(margin.unrealised),
        "curRealisedPnl": money(position.cur_realised),
        "cumRealisedPnl": money(position.cum_realised),
        "adlRankIndicator": 2 if position.size else 0,
        "createdTime": str(position.created_ms),
        "updatedTime": str(position.updated_ms),
        "openTime": position.opened_ms,
        "seq": position.seq,
        "isReduceOnly": False,
        "mmrSysUpdatedTime": "",
        "leverageSysUpdatedTime": "",
    }


def position_stream(record: dict[str, Any]) -> dict[str, Any]:
    """The `position` topic's form: the entry is called `entryPrice`."""
    out = dict(record)
    out["entryPrice"] = out.pop("avgPrice")
    out["sessionAvgPrice"] = "0"
    for name in ("takeProfit", "stopLoss", "liqPrice", "breakEvenPrice"):
        out[name] = out[name] or "0"
    out["category"] = "linear"
    return out


def rate_of(part: Decimal, balance: Decimal) -> str:
    """The ratio of an amount to a balance, in Bybit's format; "0" without a positive balance."""
    return money(part / balance) if part and balance > 0 else "0"


def wallet_record(
    account: Account,
    margin: AccountMargin,
    prices: Mapping[str, Decimal],
    by_coin: Mapping[str, Decimal],
    collateral: Mapping[str, Decimal],
) -> dict[str, Any]:
    """The account's row of `wallet-balance`.

    `by_coin` is unrealised PnL by settle coin. `collateral` names the coins that may be margin. An
    isolated account has no margin of the whole account, as on Bybit.
    """
    coins: list[dict[str, Any]] = []
    total_equity = total_wallet = ZERO
    for coin, balance in account.wallet.items():
        upl = by_coin.get(coin, ZERO)
        price = prices.get(coin, ZERO)
        is_margin = coin in ("USDT", "USDC")
        total_equity += (balance + upl) * price
        total_wallet += balance * price
        coins.append(
            {
                "coin": coin,
                "equity": plain(balance + upl),
                "usdValue": money((balance + upl) * price),
                "walletBalance": plain(balance),
                "availableToWithdraw": "",
                "availableToBorrow": "",
                "borrowAmount": "0",
                "accruedInterest": "0",
                "totalOrderIM": money(margin.order_im) if is_margin else "0",
                "totalPositionIM": money(margin.position_im) if is_margin else "0",
                "totalPositionMM": money(margin.maintenance) if is_margin else "0",
                "unrealisedPnl": plain(upl),
                "cumRealisedPnl": plain(account.realised.get(coin, ZERO)),
                "bonus": "0",
                "collateralSwitch": coin in collateral and coin not in account.no_collateral,
                "marginCollateral": coin in collateral,
                "locked": plain(account.locked.get(coin, ZERO)),
                "spotHedgingQty": "0",
                "spotBorrow": "0",
                "colRes": "0",
            }
        )
    im_rate = rate_of(margin.initial, margin.balance)
    mm_rate = rate_of(margin.maintenance, margin.balance)
    im, mm = money(margin.initial), money(margin.maintenance)
    shared = {
        "accountIMRate": im_rate,
        "accountIMRateByMp": im_rate,
        "accountMMRate": mm_rate,
        "accountMMRateByMp": mm_rate,
        "totalMarginBalance": money(margin.balance),
        "totalAvailableBalance": money(max(margin.free, ZERO)),
        "totalInitialMargin": im,
        "totalInitialMarginByMp": im,
        "totalMaintenanceMargin": mm,
        "totalMaintenanceMarginByMp": mm,
    }
    if account.isolated:
        shared = dict.fromkeys(shared, "")
    return {
        "accountType": "UNIFIED",
        "accountLTV": "0",
        **shared,
        "totalEquity": money(total_equity),
        "totalWalletBalance": money(total_wallet),
        "totalPerpUPL": money(margin.unrealised),
        "coin": coins,
    }


def log_record(row: LogRow, uid: str) -> dict[str, Any]:
    """A row of `account/transaction-log`."""
    return {
        "id": f"{uid}_{row.symbol}_{row.seq}",
        "symbol": row.symbol,
        "category": row.category,
        "side": row.side,
        "transactionTime": str(row.time_ms),
        "type": row.kind,
        "transSubType": "",
        "qty": row.qty,
        "size": row.size,
        "currency": row.coin,
        "tradePrice": row.price,
        "funding": "" if row.funding is None else plain(row.funding),
        "fee": plain(row.fee),
        "cashFlow": plain(row.cash_flow),
        "change": plain(row.change),
        "cashBalance": plain(row.balance),
        "feeRate": row.fee_rate,
        "bonusChange": "",
        "tradeId": row.trade_id,
        "orderId": row.order_id,
        "orderLinkId": row.link_id,
        "extraFees": "",
    }


def closed_pnl_record(order: Order, leverage: Decimal) -> dict[str, Any]:
    """A row of `position/closed-pnl`. Each order that closed a part of a position has one."""
    market = order.market
    qty = market.quantity(order.closed_size)
    return {
        "symbol": market.symbol,
        "orderId": order.order_id,
        "side": SIDE_NAME[order.side],
        "qty": grid(market.quantity(order.qty)),
        "orderPrice": grid(market.price(order.price)),
        "orderType": "Market" if order.is_market else "Limit",
        "execType": order.exec_type,
        "closedSize": grid(qty),
        "cumEntryValue": money(order.closed_entry_value),
        "avgEntryPrice": money(order.closed_entry_value / qty),
        "cumExitValue": money(order.closed_exit_value),
        "avgExitPrice": money(order.closed_exit_value / qty),
        "closedPnl": money(order.closed_pnl),
        "fillCount": str(order.fill_count),
        "leverage": plain(leverage),
        "openFee": money(order.closed_open_fees),
        "closeFee": money(order.closed_close_fees),
        "createdTime": str(order.created_ms),
        "updatedTime": str(order.updated_ms),
    }
