"""`mlrisk volume`: trains from a folder of bars, shows what is stored, complains in one line."""

import json
from pathlib import Path

import numpy as np
import pytest

from bot.market.volume.panel import moment_of
from console.cli import run
from console.errors import ExitCode
from tests.unit.bot.market.volume.synthetic import SYMBOLS, bars


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bars"
    made.mkdir()
    for symbol in SYMBOLS:
        _write(made, symbol, days=5)
    return made


def _write(folder: Path, symbol: str, days: float) -> None:
    one = bars(symbol, days)
    columns = np.stack([one.close, one.high, one.low, one.close, one.volume], axis=1)
    lines = ["timestamp,open,high,low,close,volume"]
    lines += [
        f"{moment_of(one.first_minute + i).isoformat()},{','.join(map(str, row))}"
        for i, row in enumerate(columns.tolist())
    ]
    (folder / f"{symbol}_1m.csv").write_text("\n".join(lines) + "\n")


def test_what_was_trained_is_stored_in_the_home_and_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["volume", "train", "--bars", str(folder), "--json"]) == ExitCode.OK
    trained = json.loads(capsys.readouterr().out)
    assert trained["file"] == str(tmp_path / "home" / "volume_models.json")
    assert trained["symbols"] == list(SYMBOLS)
    assert trained["models"] == ["dynamic", "learned", "static"]
    # The bars are years old: said, shown and told by the exit status.
    assert run(["volume", "show", "--json"]) == ExitCode.FAILED
    shown = capsys.readouterr()
    assert json.loads(shown.out)["stale"] is True
    assert "stale" in shown.err
    assert json.loads(shown.out)["mean_absolute_error_bps"] == trained["mean_absolute_error_bps"]


def test_the_table_names_models_and_windows(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "models.json"
    assert run(["volume", "train", "--bars", str(folder), "--out", str(out)]) == ExitCode.OK
    text = capsys.readouterr().out
    assert out.is_file()
    assert all(word in text for word in ("learned", "twap", "60 min", "240 min", "STALE"))


def test_without_a_model_show_says_how_to_get_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["volume", "show"]) == ExitCode.FAILED
    assert "mlrisk volume train" in capsys.readouterr().err


def test_too_few_bars_are_a_usage_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _write(tmp_path, "AAAUSDT", days=1.2)
    assert run(["volume", "train", "--bars", str(tmp_path)]) == ExitCode.USAGE
    assert "needs at least" in capsys.readouterr().err


def test_a_folder_without_bars_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["volume", "train", "--bars", str(tmp_path)]) == ExitCode.FAILED
    assert capsys.readouterr().err.count("\n") == 1
