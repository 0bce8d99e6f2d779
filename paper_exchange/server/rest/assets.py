"""The asset endpoints: coins, balances, collateral, and the amounts to borrow or move."""

from collections.abc import Sequence
from decimal import ROUND_DOWN, Decimal
from typing import Any

from paper_exchange.engine.numbers import plain as plain_amount
from paper_exchange.server.call import Call, Endpoint, Params
from paper_exchange.server.rest.strict import (
    ACCOUNT_COIN_BALANCE,
    ACCOUNT_COINS_BALANCE,
    COIN_INFO,
    COLLATERAL_INFO,
    DEMO_MONEY,
    SET_COLLATERAL,
    SET_COLLATERALS,
    WITHDRAWAL,
    check_body,
    rules,
)
from paper_exchange.types import Reject

_DEMO_MOST = {
    "BTC": Decimal(15),
    "ETH": Decimal(200),
    "USDT": Decimal(100_000),
    "USDC": Decimal(100_000),
}
"""The most of each coin in one call, as for Bybit's demo account."""
_DEMO_COIN = rules("coin:s amountStr:n")
_MOST_COINS = 20


def coin_info(call: Call, params: Params) -> dict[str, Any]:
    """`asset/coin/query-info`: each coin with one chain that neither deposits nor withdraws."""
    wanted = params.get("coin")
    rows = [_coin(coin) for coin in _coins(call) if wanted in (None, coin)]
    return {"rows": rows}


def _coins(call: Call) -> list[str]:
    specs = call.exchange.venue.specs.values()
    coins = {coin for spec in specs for coin in (spec.base_coin, spec.quote_coin)}
    return sorted(coins | {"USDT", "USDC"})


def _coin(coin: str) -> dict[str, Any]:
    return {
        "name": coin,
        "coin": coin,
        "remainAmount": "0",
        "chains": [
            {
                "chainType": coin,
                "confirmation": "1",
                "withdrawFee": "0",
                "depositMin": "0",
                "withdrawMin": "0",
                "withdrawMax": "0",
                "chain": coin,
                "chainDeposit": "0",
                "chainWithdraw": "0",
                "minAccuracy": "8",
                "withdrawPercentageFee": "0",
                "contractAddress": "",
                "safeConfirmNumber": "1",
            }
        ],
    }


def withdrawal(call: Call, params: Params) -> dict[str, Any]:
    """The amount of each coin that could leave the account without closing anything."""
    coins = params["coinName"].split(",")
    if len(coins) > _MOST_COINS:
        raise Reject(10001, f"params error: coinName names more than {_MOST_COINS} coins")
    movable = {coin: _movable(call, coin) for coin in coins}
    return {"availableWithdrawal": movable[coins[0]], "availableWithdrawalMap": movable}


def _movable(call: Call, coin: str) -> str:
    """The free wallet balance, at most as much as the account's free margin is worth.

    A coin that is no collateral moves freely.
    """
    world = call.exchange.paper.world
    account = world.account(call.uid)
    balance = account.balance(coin) - account.locked.get(coin, Decimal(0))
    worth = world.margin.worth(account, coin)
    if worth:
        balance = min(balance, world.margin.account_margin(account).free / worth)
    return plain_amount(max(balance, Decimal(0)).quantize(Decimal("1e-8"), ROUND_DOWN))


def coins_balance(call: Call, params: Params) -> dict[str, Any]:
    """Balances of one account type; only the unified account holds anything."""
    wanted = params["coin"].split(",") if "coin" in params else None
    rows = [row for row in _balances(call, params) if wanted is None or row["coin"] in wanted]
    return {
        "memberId": call.exchange.accounts[call.uid].numeric_id,
        "accountType": params["accountType"],
        "balance": rows,
    }


def coin_balance(call: Call, params: Params) -> dict[str, Any]:
    """One coin's balance; an unknown coin has none."""
    found = [row for row in _balances(call, params) if row["coin"] == params["coin"]]
    row = found[0] if found else _balance(params["coin"], "0", "0")
    ident = call.exchange.accounts[call.uid].numeric_id
    return {
        "accountType": params["accountType"],
        "bizType": 1,
        "accountId": ident,
        "memberId": ident,
        "balance": {**row, "transferSafeAmount": "", "ltvTransferSafeAmount": ""},
    }


def _balances(call: Call, params: Params) -> list[dict[str, Any]]:
    if params["accountType"] != "UNIFIED":
        return []
    wallet = call.exchange.venue.engine.wallet(call.uid)
    return [
        _balance(row["coin"], row["walletBalance"], _movable(call, row["coin"]))
        for row in wallet["coin"]
    ]


def _balance(coin: str, wallet: str, movable: str) -> dict[str, Any]:
    return {"coin": coin, "transferBalance": movable, "walletBalance": wallet, "bonus": ""}


def collateral_info(call: Call, params: Params) -> dict[str, Any]:
    """The share of each coin's value that counts as margin. Nothing can be borrowed."""
    world = call.exchange.paper.world
    ratios, off = world.settings.collateral, world.account(call.uid).no_collateral
    wanted = params.get("currency")
    return {
        "list": [
            {
                "availableToBorrow": "0",
                "freeBorrowingAmount": "",
                "freeBorrowAmount": "0",
                "maxBorrowingAmount": "0",
                "hourlyBorrowRate": "0",
                "borrowUsageRate": "0",
                "collateralSwitch": coin in ratios and coin not in off,
                "borrowAmount": "0",
                "borrowable": False,
                "currency": coin,
                "otherBorrowAmount": "0",
                "marginCollateral": coin in ratios,
                "freeBorrowingLimit": "0",
                "collateralRatio": plain_amount(ratios.get(coin, Decimal(0))),
            }
            for coin in _coins(call)
            if wanted in (None, coin)
        ]
    }


def set_collateral(call: Call, params: Params) -> dict[str, Any]:
    """`POST account/set-collateral-switch`: counts a coin as margin, or no more."""
    wanted = params["collateralSwitch"]
    if wanted not in ("ON", "OFF"):
        raise Reject(10001, "params error: collateralSwitch invalid")
    call.exchange.paper.set_collateral(call.uid, params["coin"], wanted == "ON", call.now)
    journaled = {"uid": call.uid, "what": "collateral", "params": params}
    call.exchange.venue.journal("setting", journaled)
    call.exchange.venue.touched(call.uid)
    return {}


def set_collaterals(call: Call, params: Params) -> dict[str, Any]:
    """The same for several coins, one after the other. The first refusal ends the request."""
    wishes = [check_body(item, SET_COLLATERAL, call.how) for item in params["request"]]
    for wish in wishes:
        set_collateral(call, wish)
    return {"list": wishes}


def demo_money(call: Call, params: Params) -> dict[str, Any]:
    """Adds to the wallet (`adjustType` 0) or takes from it (1), as in Bybit's demo account."""
    sign = {0: 1, 1: -1}.get(params.get("adjustType", 0))
    if sign is None:
        raise Reject(10001, "params error: adjustType invalid")
    wishes = [check_body(item, _DEMO_COIN, call.how) for item in params["utaDemoApplyMoney"]]
    amounts = [(wish["coin"], Decimal(wish["amountStr"])) for wish in wishes]
    for coin, amount in amounts:
        most = _DEMO_MOST.get(coin)
        if most is None or not 0 < amount <= most:
            raise Reject(10001, f"params error: amountStr of {coin} invalid")
    if sign < 0:
        _require_held(call, amounts)
    for coin, amount in amounts:
        call.exchange.paper.transfer(call.uid, coin, sign * amount, call.now)
    call.exchange.venue.journal("setting", {"uid": call.uid, "what": "demo", "params": params})
    call.exchange.venue.touched(call.uid)
    return {}


def _require_held(call: Call, amounts: Sequence[tuple[str, Decimal]]) -> None:
    """Refuses the whole request before any coin moves, if one of them is not there."""
    left = {
        row["coin"]: Decimal(row["walletBalance"])
        for row in call.exchange.venue.engine.wallet(call.uid)["coin"]
    }
    for coin, amount in amounts:
        left[coin] = left.get(coin, Decimal(0)) - amount
        if left[coin] < 0:
            raise Reject(10001, f"params error: amountStr of {coin} is more than the wallet holds")


ASSET_ENDPOINTS = [
    Endpoint("GET", "/v5/asset/coin/query-info", coin_info, COIN_INFO, signed=True, limit=5),
    Endpoint(
        "GET",
        "/v5/asset/transfer/query-account-coins-balance",
        coins_balance,
        ACCOUNT_COINS_BALANCE,
        signed=True,
        limit=5,
    ),
    Endpoint(
        "GET",
        "/v5/asset/transfer/query-account-coin-balance",
        coin_balance,
        ACCOUNT_COIN_BALANCE,
        signed=True,
        limit=5,
    ),
    Endpoint("GET", "/v5/account/withdrawal", withdrawal, WITHDRAWAL, signed=True, limit=50),
    Endpoint(
        "GET",
        "/v5/account/collateral-info",
        collateral_info,
        COLLATERAL_INFO,
        signed=True,
        limit=50,
    ),
    Endpoint(
        "POST",
        "/v5/account/set-collateral-switch",
        set_collateral,
        SET_COLLATERAL,
        signed=True,
        limit=5,
        writes=True,
    ),
    Endpoint(
        "POST",
        "/v5/account/set-collateral-switch-batch",
        set_collaterals,
        SET_COLLATERALS,
        signed=True,
        limit=5,
        writes=True,
    ),
    Endpoint(
        "POST",
        "/v5/account/demo-apply-money",
        demo_money,
        DEMO_MONEY,
        signed=True,
        limit=5,
        writes=True,
    ),
]
