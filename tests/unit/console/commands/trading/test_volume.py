"""`mlrisk volume`: trains from files or the exchange, shows what is stored, says what is wrong."""

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.market.volume.panel import minute_of
from console.cli import run
from console.errors import ExitCode
from tests.unit.bot.market.volume.exchange import PanelExchange
from tests.unit.bot.market.volume.synthetic import SYMBOLS, panel, write_bars


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("NO_COLOR", "1")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "bars"
    made.mkdir()
    for symbol in SYMBOLS:
        write_bars(made, symbol, days=5)
    return made


@dataclass
class Account(PanelExchange):
    closed: bool = False

    def close(self) -> None:
        self.closed = True


def _listed(monkeypatch: pytest.MonkeyPatch, days: float) -> Account:
    """An exchange whose symbols have traded for these days, until now."""
    now = datetime.now(UTC)
    market = panel(days)
    market = replace(market, first_minute=minute_of(now) - market.volume.shape[1])
    account = Account(market, now)
    monkeypatch.setenv("MLRISK_SYMBOLS", ",".join(SYMBOLS))
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda settings, clock: account)
    return account


def test_what_was_trained_is_stored_in_the_home_and_shown(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["volume", "train", "--bars", str(folder), "--json"]) == ExitCode.OK
    trained = json.loads(capsys.readouterr().out)
    assert trained["place"] == str(tmp_path / "home" / "volume_models.json")
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
    write_bars(tmp_path, "AAAUSDT", days=1.2)
    assert run(["volume", "train", "--bars", str(tmp_path)]) == ExitCode.USAGE
    assert "needs at least" in capsys.readouterr().err


def test_a_folder_without_bars_is_refused_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["volume", "train", "--bars", str(tmp_path)]) == ExitCode.FAILED
    assert capsys.readouterr().err.count("\n") == 1


def test_models_trained_from_the_exchange_are_fresh(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = _listed(monkeypatch, days=6)
    assert run(["volume", "train", "--from-exchange", "--days", "5", "--json"]) == ExitCode.OK
    printed = capsys.readouterr()
    trained = json.loads(printed.out)
    assert trained["symbols"] == list(SYMBOLS)
    assert trained["stale"] is False
    assert all(f"{symbol}: 7,200 minutes" in printed.err for symbol in SYMBOLS)
    assert account.closed
    assert run(["volume", "show"]) == ExitCode.OK


def test_only_the_named_symbols_are_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = _listed(monkeypatch, days=4)
    command = ["volume", "train", "--from-exchange", "--symbols", "bbbusdt", "--json"]
    assert run(command) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["symbols"] == ["BBBUSDT"]
    assert {symbol for symbol, _, _ in account.asked} == {"BBBUSDT"}


def test_an_exchange_that_tells_too_little_is_said_with_what_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account = _listed(monkeypatch, days=2)
    assert run(["volume", "train", "--from-exchange"]) == ExitCode.USAGE
    complaint = capsys.readouterr().err.splitlines()[-1]
    assert "the exchange: 2.0 days of bars" in complaint
    assert "needs at least 3" in complaint
    assert account.closed
    assert not (tmp_path / "home" / "volume_models.json").exists()


def test_an_exchange_that_is_away_is_no_defect(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    account = _listed(monkeypatch, days=1)
    account.down = set(SYMBOLS)
    assert run(["volume", "train", "--from-exchange"]) == ExitCode.DEPENDENCY_DOWN
    assert "can't be reached" in capsys.readouterr().err


@pytest.mark.parametrize("sources", [[], ["--bars", ".", "--from-exchange"]])
def test_one_source_must_be_named(sources: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["volume", "train", *sources]) == ExitCode.USAGE
    assert "--from-exchange" in capsys.readouterr().err


def test_symbols_must_name_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["volume", "train", "--from-exchange", "--symbols", " ,"]) == ExitCode.USAGE
    assert "--symbols" in capsys.readouterr().err
