"""Documented paths for which the paper exchange has no records.

A client that walks through an API must not meet a plain 404 where Bybit documents a path. Reads
answer as for an account without such records. Writes are refused as for a key without the
permission. Paths and answer shapes are those of Bybit's V5 documentation of July 2026.
"""

from collections.abc import Mapping
from typing import Any, Final

from paper_exchange.server.call import Call, Endpoint, Handler, Params
from paper_exchange.types import Reject

LIST: Final = {"list": [], "nextPageCursor": ""}
ROWS: Final = {"rows": [], "nextPageCursor": ""}
CATEGORY_LIST: Final = {"category": "", "list": [], "nextPageCursor": ""}

_EMPTY_READS: Mapping[str, Mapping[str, Any]] = {
    "/v5/account/borrow-history": LIST,
    "/v5/account/contract-transaction-log": LIST,
    "/v5/account/mmp-state": {"result": []},
    "/v5/account/option-asset-info": {"result": []},
    "/v5/account/pay-info": {"collateralInfo": {}, "borrowInfo": {}},
    "/v5/account/trade-info-for-analysis": {},
    "/v5/asset/asset-overview": {"totalEquity": "0", "list": []},
    "/v5/asset/coin-greeks": {"list": []},
    "/v5/asset/convert/small-balance-history": {"records": [], "totalCount": "0"},
    "/v5/asset/convert/small-balance-list": {"smallAssetCoins": [], "supportToCoins": []},
    "/v5/asset/covert/small-balance-history": {"records": [], "totalCount": "0"},
    "/v5/asset/covert/small-balance-list": {"smallAssetCoins": [], "supportToCoins": []},
    "/v5/asset/delivery-record": CATEGORY_LIST,
    "/v5/asset/deposit/query-address": {"coin": "", "chains": []},
    "/v5/asset/deposit/query-allowed-list": {"configList": [], "nextPageCursor": ""},
    "/v5/asset/deposit/query-internal-record": ROWS,
    "/v5/asset/deposit/query-record": ROWS,
    "/v5/asset/deposit/query-sub-member-address": {"coin": "", "chains": []},
    "/v5/asset/deposit/query-sub-member-record": ROWS,
    "/v5/asset/exchange/convert-result-query": {"result": {}},
    "/v5/asset/exchange/order-record": {"orderBody": [], "nextPageCursor": ""},
    "/v5/asset/exchange/query-coin-list": {"coins": []},
    "/v5/asset/exchange/query-convert-history": {"list": []},
    "/v5/asset/fundinghistory": LIST,
    "/v5/asset/portfolio-margin": {"wallet": {}, "assetPnlRange": []},
    "/v5/asset/settlement-record": CATEGORY_LIST,
    "/v5/asset/total-members-assets": {"total": "0", "quoteTotal": "0", "stat": 0, "list": []},
    "/v5/asset/transfer/query-asset-info": {
        "spot": {"status": "ACCOUNT_STATUS_NORMAL", "assets": []}
    },
    "/v5/asset/transfer/query-inter-transfer-list": LIST,
    "/v5/asset/transfer/query-transfer-coin-list": {"list": []},
    "/v5/asset/withdraw/query-address": ROWS,
    "/v5/asset/withdraw/query-record": ROWS,
    "/v5/asset/withdraw/vasp/list": {"vasp": []},
    "/v5/asset/withdraw/withdrawable-amount": {"limitAmountUsd": "0", "withdrawableAmount": {}},
    "/v5/position/get-closed-positions": CATEGORY_LIST,
    "/v5/position/move-history": LIST,
    "/v5/pre-upgrade/account/transaction-log": LIST,
    "/v5/pre-upgrade/asset/delivery-record": CATEGORY_LIST,
    "/v5/pre-upgrade/asset/settlement-record": CATEGORY_LIST,
    "/v5/pre-upgrade/execution/list": CATEGORY_LIST,
    "/v5/pre-upgrade/order/history": CATEGORY_LIST,
    "/v5/pre-upgrade/position/closed-pnl": CATEGORY_LIST,
    "/v5/spot-margin-trade/state": {
        "spotLeverage": "",
        "spotMarginMode": "0",
        "effectiveLeverage": "",
    },
    "/v5/user/aff-customer-info": {},
    "/v5/user/escrow_sub_members": {"subMembers": [], "nextCursor": "0"},
    "/v5/user/get-member-type": {"accounts": []},
    "/v5/user/invitation/code": {},
    "/v5/user/invitation/referrals": {"records": [], "nextCursor": ""},
    "/v5/user/query-sub-members": {"subMembers": []},
    "/v5/user/sub-apikeys": {"result": [], "nextPageCursor": ""},
    "/v5/user/submembers": {"subMembers": [], "nextCursor": "0"},
}
"""Signed reads, each with its answer for an account that has no such records."""

_EMPTY_PUBLIC_READS: Mapping[str, Mapping[str, Any]] = {
    "/v5/announcements/index": {"total": 0, "list": []},
    "/v5/market/account-ratio": LIST,
    "/v5/market/adlAlert": {"updateTime": "0", "list": []},
    "/v5/market/delivery-price": CATEGORY_LIST,
    "/v5/market/fee-group-info": {"list": []},
    "/v5/market/historical-volatility": {"category": "option", "list": []},
    "/v5/market/insurance": {"updatedTime": "0", "list": []},
    "/v5/market/new-delivery-price": {"category": "", "list": []},
}

_REFUSED_WRITES = (
    "/v5/account/borrow",
    "/v5/account/no-convert-repay",
    "/v5/account/quick-repayment",
    "/v5/account/repay",
    "/v5/account/set-delta-mode",
    "/v5/account/set-hedging-mode",
    "/v5/account/upgrade-to-uta",
    "/v5/asset/covert/get-quote",
    "/v5/asset/covert/small-balance-execute",
    "/v5/asset/deposit/deposit-to-account",
    "/v5/asset/exchange/convert-execute",
    "/v5/asset/exchange/quote-apply",
    "/v5/asset/transfer/inter-transfer",
    "/v5/asset/transfer/save-transfer-sub-member",
    "/v5/asset/transfer/universal-transfer",
    "/v5/asset/travel-rule/deposit/submit",
    "/v5/asset/withdraw/cancel",
    "/v5/asset/withdraw/create",
    "/v5/position/confirm-pending-mmr",
    "/v5/position/move-positions",
    "/v5/position/set-auto-add-margin",
    "/v5/position/switch-isolated",
    "/v5/spot-margin-trade/set-leverage",
    "/v5/spot-margin-trade/switch-mode",
    "/v5/user/agreement",
    "/v5/user/create-demo-member",
    "/v5/user/create-sub-api",
    "/v5/user/create-sub-member",
    "/v5/user/del-submember",
    "/v5/user/delete-api",
    "/v5/user/delete-sub-api",
    "/v5/user/update-api",
    "/v5/user/update-sub-api",
)


_REFUSED_READS = (
    "/v5/asset/transfer/query-sub-member-list",
    "/v5/asset/transfer/query-universal-transfer-list",
)
"""Reads for which Bybit asks the permission to transfer between members; no key here has it."""

_DECLINED_WRITES: Mapping[str, tuple[int, str]] = {
    "/v5/account/mmp-modify": (3500713, "MMP profile not found"),
    "/v5/account/mmp-reset": (3500713, "MMP profile not found"),
    "/v5/position/set-risk-limit": (110075, "The risk limit is not modified"),
    "/v5/user/frozen-sub-member": (141009, "Sub user not found"),
}
"""Writes with one possible answer: no account has a profile of market maker protection or a
sub-account, and the risk limit follows the position."""


def _empty(shape: Mapping[str, Any]) -> Handler:
    def answer(_call: Call, params: Params) -> Mapping[str, Any]:
        if not str(params.get("subMemberId", "0")).isdecimal():
            raise Reject(10001, "params error: subMemberId invalid")
        if "category" in shape and "category" in params:
            return {**shape, "category": params["category"]}
        return shape

    return answer


def _refuse(_call: Call, _params: Params) -> Mapping[str, Any]:
    raise Reject(10005, "Permission denied, please check your API key permissions.")


def _decline(code: int, message: str) -> Handler:
    def answer(_call: Call, _params: Params) -> Mapping[str, Any]:
        raise Reject(code, message)

    return answer


def _tpsl_mode(call: Call, params: Params) -> Mapping[str, Any]:
    """Every symbol's default mode is Full. An order or a trading stop names another for itself."""
    if params.get("tpSlMode") == "Full":
        raise Reject(10001, "params error: tpSlMode is not changed")
    return _refuse(call, params)


DOCUMENTED_ENDPOINTS = [
    *(
        Endpoint("GET", path, _empty(shape), None, signed=True, limit=10)
        for path, shape in _EMPTY_READS.items()
    ),
    *(Endpoint("GET", path, _empty(shape), None) for path, shape in _EMPTY_PUBLIC_READS.items()),
    *(Endpoint("GET", path, _refuse, None, signed=True, limit=10) for path in _REFUSED_READS),
    *(Endpoint("POST", path, _refuse, None, signed=True, limit=10) for path in _REFUSED_WRITES),
    *(
        Endpoint("POST", path, _decline(*why), None, signed=True, limit=10)
        for path, why in _DECLINED_WRITES.items()
    ),
    Endpoint("POST", "/v5/position/set-tpsl-mode", _tpsl_mode, None, signed=True, limit=10),
]
"""The parameters are not checked, because no answer depends on them."""
