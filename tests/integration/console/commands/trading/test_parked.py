"""Parked requests and trades that are set aside are listed, released and ended."""

import json

import pytest

from console.cli import run
from console.errors import ExitCode
from models.tables import (
    ParentOrderRow,
    TradeRequestRow,
)
from tests.support.scene import START, Scene
from workers.supervision.ports import free_port


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


@pytest.mark.services
def test_parked_requests_are_listed_released_and_ended(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1")
    assert run(["parked", "list"]) == ExitCode.OK
    assert "nothing is parked" in capsys.readouterr().out

    def park() -> None:
        with away.db.transaction() as session:
            row = session.get_one(TradeRequestRow, "r-1")
            row.status, row.attempts, row.failure = "parked", 5, "DataError: [overflow]"

    def status() -> str:
        with away.db.reading() as session:
            return session.get_one(TradeRequestRow, "r-1").status

    park()
    assert run(["parked", "list"]) == ExitCode.OK
    assert "5 attempts: DataError: [overflow]" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "list", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["parked"][0]["request_id"] == "r-1"
    assert run(["parked", "release", "r-1", "--reason", "fixed", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["status"] == status() == "pending_validation"
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.FAILED
    assert "not parked" in capsys.readouterr().err
    park()
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.OK
    assert status() == "cancelled"


@pytest.mark.services
def test_trades_that_are_set_aside_are_listed_released_and_ended(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1")

    def set_aside() -> None:
        with away.db.transaction() as session:
            parent = session.get_one(ParentOrderRow, "r-1")
            parent.state, parent.set_aside_at = "paused", START
            parent.step_failures, parent.failure = 10, "ArithmeticError: [odd]"

    def parent() -> ParentOrderRow:
        with away.db.reading() as session:
            return session.get_one(ParentOrderRow, "r-1")

    set_aside()
    assert run(["parked", "list"]) == ExitCode.OK
    assert "10 failed steps: ArithmeticError: [odd]" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "list", "--json"]) == ExitCode.OK
    (listed,) = json.loads(capsys.readouterr().out)["set_aside"]
    assert listed["request_id"] == "r-1"
    assert run(["order", "list"]) == ExitCode.OK
    assert "set aside" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "release", "r-1", "--reason", "fixed", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["status"] == "working"
    assert (parent().set_aside_at, parent().step_failures) == (None, 0)
    set_aside()
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.OK
    assert parent().stop_reason == "cancelled by the operator: drill"
