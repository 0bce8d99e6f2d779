"""`halt` and `resume` hold when Redis, the exchange or Postgres is away, and say what didn't."""

import json
import time
from collections.abc import Sequence

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.errors import DependencyDown
from bot.exchange.protocol import ExchangeOrder
from console.cli import run
from console.errors import ExitCode
from console.operator import cancel_without_postgres
from models.tables import TradingStateRow
from tests.unit.console.scene import Scene, read_only_engine
from workers.ports import free_port


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


def _state(scene: Scene) -> tuple[str, bool]:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            row = session.scalars(select(TradingStateRow)).one()
            return row.state, row.sealed_at is not None
    finally:
        engine.dispose()


@pytest.mark.services
def test_a_halt_without_redis_is_sealed_and_cancels_what_was_planned(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    began = time.monotonic()
    assert run(["halt", "--reason", "drill", "--json"]) == ExitCode.FAILED
    assert time.monotonic() - began < 20
    report = json.loads(capsys.readouterr().out)
    assert report["sealed_at"] is not None
    assert report["children_cancelled"] == 4
    assert "queued tasks could not be revoked" in report["problems"][0]
    assert _state(away) == ("halted", True)
    assert away.parent("r-1").state == "unfilled"


@pytest.mark.services
def test_a_halt_whose_cancels_fail_is_a_halt_all_the_same(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.FAILED
    error = capsys.readouterr()
    assert "HALTED" in error.err + error.out
    assert _state(away) == ("halted", True)


@pytest.mark.services
def test_resume_is_free_in_development_and_refused_in_production(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(["halt", "--reason", "drill"])
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "production")
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert "resume is free in development only" in capsys.readouterr().err
    assert _state(away)[0] == "halted"
    monkeypatch.setenv("MLRISK_ENVIRONMENT", "development")
    assert run(["resume", "--reason", "over"]) == ExitCode.OK
    assert _state(away) == ("active", False)


def test_without_postgres_a_halt_with_cancel_still_asks_the_exchange(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql+psycopg://x:hidden-word@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.DEPENDENCY_DOWN
    error = capsys.readouterr().err
    assert "NOT halted: Postgres can't be reached" in error
    assert "orders could not be cancelled either" in error
    assert "hidden-word" not in error


class _Exchange:
    """The two calls that the last resort makes."""

    def __init__(self, *, down: bool = False) -> None:
        self._down = down

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        if self._down:
            raise DependencyDown("no route")
        return ["mr-a", "mr-b"]

    def open_orders(self) -> Sequence[ExchangeOrder]:
        return []


def test_the_last_resort_says_what_was_cancelled() -> None:
    error = cancel_without_postgres(_Exchange(), OSError("gone"))  # type: ignore[arg-type]
    assert error.message.endswith("2 working orders cancelled at the exchange, 0 left")
    error = cancel_without_postgres(_Exchange(down=True), OSError("gone"))  # type: ignore[arg-type]
    assert error.message.endswith("could not be cancelled either: no route")
