"""A program that uses the REST interface of a scene's console."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from httpx import Response

from bot.authority.tokens import Holder, NewToken, Tokens
from bot.clock import Clock, SystemClock
from bot.state import binding
from console.api.bearers import Bearers
from console.api.openapi import PREFIX
from models.database import Database
from models.enums import TokenKind
from tests.support.web import TestClient

WRONG = f"mlrisk_{'0' * 12}_{'0' * 64}"
"""A token of the right form that nobody made."""


def tokens_of(db: Database, clock: Clock | None = None) -> Tokens:
    return Tokens(db, clock or SystemClock(), is_guarded=binding.is_guarded)


def new_token(db: Database, kind: str, name: str, clock: Clock | None = None) -> NewToken:
    """A token that the development's user of this machine made."""
    holder = Holder(TokenKind(kind), name)
    return tokens_of(db, clock).create(holder, "test", reason="test")


@dataclass
class Program:
    """It sends one token with each call; None sends none."""

    client: TestClient
    token: str | None = field(repr=False)

    def get(self, path: str, **headers: str) -> Response:
        return self.client.get(PREFIX + path, headers=self._headers(headers))

    def post(self, path: str, body: Any, **headers: str) -> Response:
        """A JSON body, or text that is sent as it stands."""
        text = body if isinstance(body, str) else json.dumps(body)
        said = {"content-type": "application/json"} | self._headers(headers)
        return self.client.post(PREFIX + path, content=text, headers=said)

    def _headers(self, more: Mapping[str, str]) -> dict[str, str]:
        proof = {} if self.token is None else {"authorization": f"Bearer {self.token}"}
        return proof | {name.replace("_", "-"): value for name, value in more.items()}


def order(request_id: str = "api-1", **changes: Any) -> dict[str, Any]:
    """A sound request of no named strategy."""
    now = datetime.now(UTC)
    request: dict[str, Any] = {
        "request_id": request_id,
        "symbol": "BTCUSDT",
        "side": "buy",
        "signal_data": {"position_size": "2000.50", "algorithm": "immediate"},
        "ml_predictions": {
            "confidence": 0.9,
            "uncertainty": 0.1,
            "ensemble_agreement": 0.95,
            "prediction_stability": 0.9,
            "feature_importance": {"a": 0.6, "b": 0.4},
            "model_version": "m-1",
            "predicted_at": now.isoformat(),
        },
        "created_at": now.isoformat(),
        "expires_at": (now + timedelta(hours=1)).isoformat(),
    }
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(request.get(key), dict):
            value = {**request[key], **value}
        request[key] = value
    return request


def problem(answer: Response) -> str:
    """The name of the problem that an answer is."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    said = answer.json()
    assert said["status"] == answer.status_code
    assert said["title"] and said["detail"]
    name: str = said["type"].removeprefix("urn:mlrisk:problem:")
    return name


def wrong_fields(answer: Response) -> list[str | None]:
    """The pointers of a problem's wrong fields."""
    return [each["pointer"] for each in answer.json()["errors"]]


def bearers_of(client: TestClient) -> Bearers:
    """The bearers of the interface that a console mounts."""
    app: Any = client.app
    (api,) = (route.app for route in app.routes if getattr(route, "path", None) == PREFIX)
    found: Bearers = api.state.bearers
    return found
