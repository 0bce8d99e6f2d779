"""The demo's history is read oldest first from a Bybit server, or refused."""

import io
import json
from typing import Any

import pytest

from examples.demo_strategy import feed


def serve(monkeypatch: pytest.MonkeyPatch, body: dict[str, Any]) -> list[str]:
    asked: list[str] = []

    def urlopen(address: str, timeout: float) -> io.BytesIO:
        assert timeout > 0
        asked.append(address)
        return io.BytesIO(json.dumps(body).encode())

    monkeypatch.setattr(feed.urllib.request, "urlopen", urlopen)
    return asked


def test_closes_come_oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [["2", "1", "1", "1", "12.5"], ["1", "1", "1", "1", "11"]]
    asked = serve(monkeypatch, {"retCode": 0, "result": {"list": rows}})
    assert feed.recent_closes("http://127.0.0.1:8099/", "BTCUSDT", 2) == [11.0, 12.5]
    (address,) = asked
    assert address.startswith("http://127.0.0.1:8099/v5/market/kline?")
    assert "symbol=BTCUSDT" in address and "limit=2" in address


def test_a_refusal_and_another_scheme_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, {"retCode": 10001, "retMsg": "no such symbol"})
    with pytest.raises(ValueError, match="10001 no such symbol"):
        feed.recent_closes("http://127.0.0.1:8099", "ODD")
    with pytest.raises(ValueError, match="not an HTTP address"):
        feed.recent_closes("file:///etc/passwd", "BTCUSDT")
