"""Open orders are listed with what works them and what is in their way."""

import json
from decimal import Decimal
from typing import Any

import pytest

from console.cli import run
from console.errors import ExitCode
from models.documents.orders import FallbackProgress, Throttle, ThrottleKind
from models.enums import Algorithm
from models.tables import ParentOrderRow
from tests.support.scene import START, Scene
from workers.supervision.ports import free_port

SLOWED = Throttle(ThrottleKind.SLOW, Decimal("0.5"), Decimal(1), "volatility", "2.1", "2", START)


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


TWAP = {"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5}


def _ordered(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `mlrisk order … --json` prints."""
    assert run(["order", *arguments, "--json"]) == ExitCode.OK
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.services
def test_open_orders_are_listed_with_what_works_them_and_what_is_in_their_way(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.trade("r-0")
    away.decide("r-1", signal=TWAP)
    away.decide("r-2", signal={"algorithm": "iceberg", "horizon_seconds": 20})
    away.accept(away.rest("r-2"))
    with away.db.transaction() as session:
        row = session.get_one(ParentOrderRow, "r-2")
        row.ladder = FallbackProgress({"timeout": 2, "rejected": 0}, Algorithm.PASSIVE)
        row.pace = SLOWED
    run(["order", "pause", "r-1", "--reason", "news"])
    capsys.readouterr()
    first, second = _ordered(capsys, "list")["orders"]
    assert (first["request_id"], first["state"], first["resting"]) == ("r-1", "paused", [])
    assert first["next_child_at"] == "2025-06-01T12:00:00.060Z"
    assert (second["algorithm"], second["worked_by"]) == ("iceberg", "passive")
    assert (second["approved_qty"], second["filled_qty"], second["open_qty"]) == ("0.1", "0", "0.1")
    (resting,) = second["resting"]
    assert (resting["style"], resting["price"], resting["qty"]) == ("post_only", "29999.9", "0.05")
    assert run(["order", "list"]) == ExitCode.OK
    text = capsys.readouterr().out
    for words in (
        *("paused by the operator", "iceberg, now passive", "timeout 2", "0.05 at 29999.9"),
        "slow: volatility 2.1 (from 2)",
    ):
        assert words in text, words


@pytest.mark.services
def test_no_open_order_is_said(away: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ordered(capsys, "list") == {"orders": []}
    assert run(["order", "list"]) == ExitCode.OK
    assert capsys.readouterr().out == "no order is open\n"
