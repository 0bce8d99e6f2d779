"""Parameter rules of every endpoint: names, and strings where Bybit wants strings.

Bybit ignores an unknown name, and clients rely on it. The paper exchange ignores it too, but the
answer's header and the journal name it. With `--strict` an unknown name and a JSON number in place
of a string are refused, so that a client's author finds them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from paper_exchange.server.wire import DECIMAL, SHORTEST
from paper_exchange.types import Reject

Rules = Mapping[str, str]
"""Field name to kind, `!` marks a required one: `s` text, `n` decimal text, `i` integer, `b` bool,
`k` orderLinkId, `c` category, `l` list of objects."""

SERVED = ("linear", "spot")
"""Categories with markets."""
CATEGORIES = (*SERVED, "inverse", "option")
"""Categories that Bybit documents."""
_LINK_ID = re.compile(r"[A-Za-z0-9_-]+\Z")
MAX_LINK_ID = 36
_INTEGER = re.compile(r"[0-9]{1,18}\Z")


def rules(required: str = "", **kinds: str) -> Rules:
    """`rules("category:c symbol:s", s="baseCoin cursor", i="limit")`."""
    table = {}
    for item in required.split():
        name, kind = item.split(":")
        table[name] = "!" + kind
    for kind, names in kinds.items():
        table.update(dict.fromkeys(names.split(), kind))
    return table


_EXITS = "tpTriggerBy slTriggerBy tpslMode tpOrderType slOrderType"
_EXIT_PRICES = "takeProfit stopLoss tpLimitPrice slLimitPrice"

CREATE = rules(
    "category:c symbol:s side:s orderType:s qty:n",
    s=f"timeInForce triggerBy smpType slippageToleranceType bboSideType bboLevel marketUnit "
    f"orderFilter {_EXITS}",
    n=f"price triggerPrice slippageTolerance {_EXIT_PRICES}",
    k="orderLinkId",
    i="positionIdx triggerDirection isLeverage",
    b="reduceOnly closeOnTrigger rpiTakerAccess mmp",
)
AMEND = rules(
    "category:c symbol:s",
    s="orderId triggerBy tpTriggerBy slTriggerBy tpslMode",
    k="orderLinkId",
    n=f"qty price triggerPrice {_EXIT_PRICES}",
)
CANCEL = rules("category:c symbol:s", s="orderId orderFilter", k="orderLinkId")
CANCEL_ALL = rules("category:c", s="symbol baseCoin settleCoin orderFilter stopOrderType")
BATCH = rules("category:c request:l")
SET_LEVERAGE = rules("category:c symbol:s buyLeverage:n sellLeverage:n")
SWITCH_MODE = rules("category:c mode:i", s="symbol coin")
TRADING_STOP = rules(
    "category:c symbol:s",
    s=_EXITS,
    n=f"{_EXIT_PRICES} trailingStop activePrice tpSize slSize",
    i="positionIdx",
)
SET_DCP = rules("timeWindow:i", s="product")
SET_PRICE_LIMIT_ACTION = rules("category:c modifyEnable:b")
NOTHING: Rules = {}
OPEN_ORDERS = rules(
    "category:c",
    s="symbol baseCoin settleCoin orderId orderFilter cursor",
    k="orderLinkId",
    i="openOnly limit",
)
ORDER_HISTORY = rules(
    "category:c",
    s="symbol baseCoin settleCoin orderId orderFilter orderStatus cursor",
    k="orderLinkId",
    i="startTime endTime limit",
)
EXECUTIONS = rules(
    "category:c",
    s="symbol orderId baseCoin execType cursor",
    k="orderLinkId",
    i="startTime endTime limit",
)
POSITIONS = rules("category:c", s="symbol baseCoin settleCoin cursor", i="limit")
CLOSED_PNL = rules("category:c", s="symbol cursor", i="startTime endTime limit")
WALLET = rules("accountType:s", s="coin")
FEE_RATE = rules("category:c", s="symbol baseCoin")
TRANSACTION_LOG = rules(
    s="accountType category currency baseCoin type transSubType cursor", i="startTime endTime limit"
)
INSTRUMENTS = rules("category:c", s="symbol symbolType status baseCoin cursor", i="limit")
TICKERS = rules("category:c", s="symbol baseCoin expDate")
ORDERBOOK = rules("category:c symbol:s", i="limit")
RECENT_TRADE = rules("category:c symbol:s", s="baseCoin optionType", i="limit")
KLINE = rules("symbol:s interval:s", c="category", i="start end limit")
FUNDING_HISTORY = rules("category:c symbol:s", i="startTime endTime limit")
RISK_LIMIT = rules("category:c", s="symbol cursor")
PRICE_LIMIT = rules("symbol:s", c="category")
RPI_ORDERBOOK = rules("symbol:s limit:i", c="category")
INDEX_COMPONENTS = rules("indexName:s")
OPEN_INTEREST = rules("category:c symbol:s intervalTime:s", s="cursor", i="startTime endTime limit")
COIN_INFO = rules(s="coin")
ACCOUNT_COINS_BALANCE = rules("accountType:s", s="memberId coin", i="withBonus")
ACCOUNT_COIN_BALANCE = rules(
    "accountType:s coin:s",
    s="memberId toMemberId toAccountType",
    i="withBonus withTransferSafeAmount withLtvTransferSafeAmount",
)
WITHDRAWAL = rules("coinName:s")
COLLATERAL_INFO = rules(s="currency")
DEMO_MONEY = rules("utaDemoApplyMoney:l", i="adjustType")
SET_MARGIN_MODE = rules("setMarginMode:s")
ADD_MARGIN = rules("category:c symbol:s margin:s", i="positionIdx")
SET_COLLATERAL = rules("coin:s collateralSwitch:s")
SET_COLLATERALS = rules("request:l")
SYMBOL_INFO = rules("category:c", s="symbol")
BORROW_CHECK = rules("category:c symbol:s side:s")


def parse_body(raw: bytes) -> dict[str, Any]:
    """Reads the JSON object of a POST. It refuses NaN, duplicates and anything but an object."""
    if not raw:
        return {}
    try:
        body = json.loads(raw, object_pairs_hook=_unique, parse_constant=_no_constant)
    except ValueError:
        raise Reject(10001, "params error: body is not valid JSON") from None
    if not isinstance(body, dict):
        raise Reject(10001, "params error: body must be an object")
    return body


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("duplicate key")
    return table


def _no_constant(name: str) -> None:
    raise ValueError(name)


@dataclass(frozen=True, slots=True)
class Strictness:
    """The strictness with which the parameters of one request are checked."""

    strict: bool = False
    """Refuse unknown names and JSON numbers in place of strings."""
    shortest: bool = False
    """Refuse numbers that aren't in their shortest form."""
    ignored: set[str] = field(default_factory=set)
    """Collects the unknown names that are ignored, at most `MAX_IGNORED`."""


MAX_IGNORED = 20


def check_query(params: Mapping[str, str], table: Rules, how: Strictness) -> dict[str, Any]:
    """Checks a GET's parameters.

    All are text on the wire. Integers stay text but must be digits.
    """
    checked: dict[str, Any] = {}
    for name, value in params.items():
        kind = _kind(name, table, how)
        if kind is None or value == "":
            continue
        if kind == "i" and not _INTEGER.match(value):
            raise Reject(10001, f"params error: {name} must be an integer")
        if kind in ("k", "c", "n"):
            _check_text(name, kind, value)
        checked[name] = value
    _check_required(checked, table)
    return checked


def check_body(params: Mapping[str, Any], table: Rules, how: Strictness) -> dict[str, Any]:
    """Checks a POST's parameters, typed as documented.

    Empty strings and null count as absent.
    """
    checked: dict[str, Any] = {}
    for name, value in params.items():
        kind = _kind(name, table, how)
        if kind is None or value is None or value == "":
            continue
        checked[name] = _check_value(name, kind, value, strict=how.strict)
        if how.shortest and kind == "n" and not SHORTEST.match(checked[name]):
            raise Reject(10001, f"{_label(name)} invalid")
    _check_required(checked, table)
    return checked


def _kind(name: str, table: Rules, how: Strictness) -> str | None:
    """The rule of a name; None for a name that is ignored."""
    kind = table.get(name)
    if kind is not None:
        return kind.removeprefix("!")
    if how.strict:
        raise Reject(10001, f"params error: unknown parameter {name[:64]}")
    if len(how.ignored) < MAX_IGNORED:
        how.ignored.add(name[:64])
    return None


def _check_required(checked: Mapping[str, Any], table: Rules) -> None:
    for name, kind in table.items():
        if kind.startswith("!") and name not in checked:
            raise Reject(10001, f"params error: {name} is required")


def _check_value(name: str, kind: str, value: Any, *, strict: bool) -> Any:
    if kind in ("s", "n", "k", "c"):
        if not isinstance(value, str):
            if strict or not isinstance(value, int | float):
                raise Reject(10001, f"params error: {name} must be a string")
            value = str(value)
        _check_text(name, kind, value)
    elif kind == "b":
        if not isinstance(value, bool):
            raise Reject(10001, f"params error: {name} must be a boolean")
    elif kind == "l":
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise Reject(10001, f"params error: {name} must be a list of objects")
    elif isinstance(value, bool) or not isinstance(value, int):
        raise Reject(10001, f"params error: {name} must be an integer")
    return value


def _check_text(name: str, kind: str, value: str) -> None:
    if kind == "n" and not DECIMAL.match(value):
        raise Reject(10001, f"{_label(name)} invalid")
    if kind == "k":
        if len(value) > MAX_LINK_ID:
            raise Reject(10001, f"params error: order link id is longer than {MAX_LINK_ID}")
        if not _LINK_ID.match(value):
            raise Reject(10001, "params error: orderLinkId has illegal characters")
    if kind == "c" and value not in CATEGORIES:
        raise Reject(10001, "params error: category invalid")
    if len(value) > 512:
        raise Reject(10001, f"params error: {name} is too long")


def _label(name: str) -> str:
    return {"qty": "Qty", "price": "Price"}.get(name, f"params error: {name}")
