"""A position is adopted after a yes, and listed before."""

import io
import json
from decimal import Decimal

import pytest

from bot.exchange.protocol import ExchangePosition
from console.cli import run
from console.errors import ExitCode
from models.repositories.safety import disagreements
from tests.support.fakes import FakeExchange
from tests.support.scene import ACCOUNT, Scene
from workers.supervision.ports import free_port

D = Decimal


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


@pytest.mark.services
def test_a_position_is_adopted_after_a_yes_and_listed_before(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = FakeExchange(away.clock)
    held = ExchangePosition("BTCUSDT", D("0.05"), D(60_000), None, D(0), None, None)
    exchange.positions = lambda: [held]  # type: ignore[method-assign]
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: exchange)
    with away.db.transaction() as session:
        found = {"BTCUSDT": (D(0), D("0.05"))}
        disagreements.note_positions(session, ACCOUNT, found, away.clock.now())
    assert run(["position", "list", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["disagreements"][0]["exchange"] == "0.05"
    adopt = ["position", "adopt", "BTCUSDT", "--reason", "older than our start"]
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(adopt) == ExitCode.FAILED
    assert "nothing was changed" in capsys.readouterr().err
    assert run([*adopt, "--yes", "--json"]) == ExitCode.OK
    facts = json.loads(capsys.readouterr().out)
    assert (facts["before"], facts["after"], facts["changed"]) == ("0", "0.05", True)
    assert run([*adopt, "--yes"]) == ExitCode.OK
    assert "agrees already" in capsys.readouterr().out
    assert run(["position", "list"]) == ExitCode.OK
    assert "every position agrees" in capsys.readouterr().out
