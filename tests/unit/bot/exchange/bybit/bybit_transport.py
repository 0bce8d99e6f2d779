"""A scripted transport under the real pybit client: it replies, fails, and remembers."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from pydantic import SecretStr
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

from bot.clock import FixedClock
from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
KEY, SECRET = "key-for-tests", "secret-for-tests"
ENDPOINT = "http://127.0.0.1:1"

Step = requests.Response | Exception


class Transport(BaseAdapter):
    """Answers by a function of the request, or by a list of steps in order."""

    def __init__(self, answer: Callable[[requests.PreparedRequest], Step] | list[Step]) -> None:
        super().__init__()
        self._answer = answer
        self.sent: list[requests.PreparedRequest] = []

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **_: Any
    ) -> requests.Response:
        self.sent.append(request)
        step = self._answer(request) if callable(self._answer) else self._answer.pop(0)
        if isinstance(step, Exception):
            raise step
        step.request = request
        step.url = request.url or ""
        return step

    def close(self) -> None:
        pass

    @property
    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(r.body) for r in self.sent if r.body]


def http(status: int, raw: bytes, headers: Mapping[str, str] | None = None) -> requests.Response:
    response = requests.Response()
    response.status_code = status
    response.raw = HTTPResponse(body=BytesIO(raw), status=status, preload_content=False)
    response.headers.update(headers or {})
    return response


def envelope(
    result: Any = None, *, code: int = 0, msg: str = "OK", headers: Mapping[str, str] | None = None
) -> requests.Response:
    body = {"retCode": code, "retMsg": msg, "result": {} if result is None else result}
    body |= {"retExtInfo": {}, "time": 1_800_000_000_000}
    return http(200, json.dumps(body).encode(), headers)


def config(**changes: Any) -> BybitConfig:
    base: dict[str, Any] = {
        "api_key": SecretStr(KEY),
        "api_secret": SecretStr(SECRET),
        "mode": BybitMode.PAPER,
        "endpoint": ENDPOINT,
    }
    return BybitConfig(**(base | changes))


def exchange(transport: Transport, clock: FixedClock, **changes: Any) -> BybitExchange:
    made = BybitExchange(config(**changes), clock)
    client = made._session.http.client
    client.mount("http://", transport)
    client.mount("https://", transport)
    return made


KEY_INFO: dict[str, Any] = {
    "userID": 24617703,
    "readOnly": 0,
    "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": ["AccountTransfer"]},
}


def start_up(**changes: Any) -> Transport:
    """A whole account, with one answer changed."""
    answers: dict[str, Any] = {
        "/v5/market/time": {"timeNano": str(int(NOW.timestamp() * 1e9))},
        "/v5/user/query-api": KEY_INFO,
        "/v5/account/info": {"unifiedMarginStatus": 6, "marginMode": "REGULAR_MARGIN"},
        "/v5/position/list": {"list": []},
    }
    paths = {
        "time": "/v5/market/time",
        "key": "/v5/user/query-api",
        "account": "/v5/account/info",
        "positions": "/v5/position/list",
    }
    answers |= {paths[name]: value for name, value in changes.items()}

    def answer(request: requests.PreparedRequest) -> requests.Response:
        return envelope(answers[urlsplit(request.url or "").path])

    return Transport(answer)
