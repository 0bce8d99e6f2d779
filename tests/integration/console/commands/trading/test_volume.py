"""`mlrisk volume train --from-exchange` on a running paper exchange."""

import json
from pathlib import Path

import pytest

from console.cli import run
from console.errors import ExitCode
from paper_exchange.testing import PaperExchangeProcess

pytestmark = pytest.mark.services


@pytest.mark.long
def test_the_demo_systems_exchange_has_past_enough_to_train_on(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with PaperExchangeProcess("--market", "synthetic") as server:
        monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
        monkeypatch.setenv("MLRISK_EXCHANGE_URL", server.url)
        monkeypatch.setenv("MLRISK_SYMBOLS", "BTCUSDT,ETHUSDT")
        status = run(["volume", "train", "--from-exchange", "--json"])
    printed = capsys.readouterr()
    assert status == ExitCode.OK, printed.err
    trained = json.loads(printed.out)
    assert trained["symbols"] == ["BTCUSDT", "ETHUSDT"]
    assert trained["stale"] is False
    assert "BTCUSDT: 20,16" in printed.err
