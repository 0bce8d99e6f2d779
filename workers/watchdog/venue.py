"""A client of Bybit that can read open orders and cancel them, and nothing else.

It shares no code with the adapter, whose library can also create orders. It has four calls, each
with its path written out; there is no call by a name or a path that a caller chooses.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import requests
from pydantic import SecretStr

from bot.errors import MlriskError

_KEY, _OPEN = "/v5/user/query-api", "/v5/order/realtime"
_CANCEL, _CANCEL_ALL = "/v5/order/cancel", "/v5/order/cancel-all"
_PAGE, _MOST_PAGES = 50, 40
_RECV_WINDOW_MS = 5000
_GONE = frozenset({110001, 110008, 110010, 170142, 170143, 170213})
"""retCodes of an order that has ended already."""
_SEND = "POST"


class VenueError(MlriskError):
    """The exchange did not do what it was asked, or gave no answer."""


@dataclass(frozen=True, slots=True)
class RestingOrder:
    """An order that may still fill."""

    order_link_id: str
    symbol: str
    reduces: bool
    """Whether it can only reduce a position."""
    conditional: bool
    """Whether it is a stop or waits for a trigger."""


class CancelOnlyVenue:
    """One account at Bybit."""

    def __init__(
        self,
        base_url: str,
        key: SecretStr,
        secret: SecretStr,
        *,
        timeout_seconds: float = 1.0,
        settle_coin: str = "USDT",
    ) -> None:
        self._base = base_url.rstrip("/")
        self._key, self._secret = key, secret
        self._timeout = timeout_seconds
        self._coin = settle_coin
        self._session = requests.Session()
        # The watchdog works where proxies of the machine are broken, too.
        self._session.trust_env = False
        self._session.max_redirects = 0

    def key_faults(self) -> list[str]:
        """Why the key is unfit; empty when it is fit. Raises VenueError without an answer."""
        found = self._read(_KEY, {})
        rights = found.get("permissions")
        if not isinstance(rights, dict):
            return ["the exchange does not say what it may do"]
        faults = []
        if found.get("readOnly") != 0:
            faults.append("it is read-only, so it can't cancel")
        if "Order" not in (rights.get("ContractTrade") or ()):
            faults.append("ContractTrade lacks Order, so it can't cancel")
        if "Withdraw" in (rights.get("Wallet") or ()):
            faults.append("it may withdraw, which no key of mlrisk may")
        return faults

    def resting(self) -> list[RestingOrder]:
        """Every order of the account that may still fill. Raises VenueError."""
        query = {"category": "linear", "settleCoin": self._coin, "limit": str(_PAGE)}
        found: list[RestingOrder] = []
        for _ in range(_MOST_PAGES):
            result = self._read(_OPEN, query)
            rows = result.get("list")
            if not isinstance(rows, list):
                raise VenueError("the list of open orders can't be read")
            found += [_resting(row) for row in rows]
            cursor = result.get("nextPageCursor")
            if not rows or not cursor or cursor == query.get("cursor"):
                return found
            query["cursor"] = str(cursor)
        raise VenueError("the list of open orders has no end")

    def cancel(self, order: RestingOrder) -> None:
        """Cancels one order; one that has ended is no error. Raises VenueError."""
        body = {
            "category": "linear",
            "symbol": order.symbol,
            "orderLinkId": order.order_link_id,
        }
        self._write(_CANCEL, body)

    def cancel_all(self) -> None:
        """Cancels up to 500 ordinary orders; stops stay. Raises VenueError."""
        # Without the filter, protective stops would go as well.
        body = {"category": "linear", "settleCoin": self._coin, "orderFilter": "Order"}
        self._write(_CANCEL_ALL, body)

    def _read(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        text = urlencode(sorted(query.items()))
        url = f"{self._base}{path}" + (f"?{text}" if text else "")
        return self._result(path, self._ask("GET", url, text, None))

    def _write(self, path: str, body: Mapping[str, str]) -> None:
        text = json.dumps(body)
        answer = self._ask(_SEND, f"{self._base}{path}", text, text)
        if answer.get("retCode") not in _GONE:
            self._result(path, answer)

    def _ask(self, method: str, url: str, signed: str, body: str | None) -> dict[str, Any]:
        try:
            reply = self._session.request(
                method,
                url,
                data=body,
                headers=self._headers(signed),
                timeout=self._timeout,
                allow_redirects=False,
            )
            answer = reply.json()
        except (requests.RequestException, ValueError) as error:
            # The error's own text may hold the signed headers.
            raise VenueError(f"no usable answer: {type(error).__name__}") from None
        if not isinstance(answer, dict):
            raise VenueError("no usable answer: not an object")
        return answer

    def _result(self, path: str, answer: Mapping[str, Any]) -> dict[str, Any]:
        code, result = answer.get("retCode"), answer.get("result")
        if code != 0 or isinstance(code, bool):
            raise VenueError(f"{path} was refused with {code!r}"[:200])
        if not isinstance(result, dict):
            raise VenueError(f"{path} has no result")
        return result

    def _headers(self, signed: str) -> dict[str, str]:
        now = str(time.time_ns() // 1_000_000)
        key, window = self._key.get_secret_value(), str(_RECV_WINDOW_MS)
        text = f"{now}{key}{window}{signed}".encode()
        digest = hmac.new(self._secret.get_secret_value().encode(), text, hashlib.sha256)
        return {
            "X-BAPI-API-KEY": key,
            "X-BAPI-TIMESTAMP": now,
            "X-BAPI-RECV-WINDOW": window,
            "X-BAPI-SIGN": digest.hexdigest(),
            "Content-Type": "application/json",
        }


def adding(orders: Sequence[RestingOrder], prefix: str) -> list[RestingOrder]:
    """The ordinary orders of mlrisk that add risk: no stops, no reducing orders, nobody else's."""
    return [
        order
        for order in orders
        if order.order_link_id.startswith(prefix) and not order.reduces and not order.conditional
    ]


def _resting(row: object) -> RestingOrder:
    if not isinstance(row, dict):
        raise VenueError("an open order can't be read")
    stop = str(row.get("stopOrderType") or "")
    return RestingOrder(
        order_link_id=str(row.get("orderLinkId") or ""),
        symbol=str(row.get("symbol") or ""),
        reduces=row.get("reduceOnly") is True or row.get("closeOnTrigger") is True,
        conditional=row.get("orderStatus") == "Untriggered" or stop not in ("", "UNKNOWN"),
    )
