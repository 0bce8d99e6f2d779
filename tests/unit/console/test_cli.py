"""The command line: quick help, an example in every verb, one clear line and code per error."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import run
from console.errors import ExitCode
from workers.home import Home

ROOT = Path(__file__).parents[3]
VERBS = (
    "up",
    "demo",
    "down",
    "status",
    "screen",
    "halt",
    "resume",
    "submit",
    "requests",
    "show",
    "doctor",
    "migrate",
    "explain",
    "whatif",
    "replay",
    "blocks",
    "metrics",
    "tca",
)
GROUPS = ("schema", "paper-exchange", "config", "volume", "order", "breaker")
ORDER_VERBS = ("pause", "resume", "cancel", "list")


@pytest.fixture(autouse=True)
def _no_system(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "EXCHANGE_URL"):
        monkeypatch.delenv(f"MLRISK_{name}", raising=False)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")


def _module(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "console", *arguments], cwd=ROOT, capture_output=True, text=True
    )


def test_help_names_every_verb() -> None:
    result = _module("--help")
    assert result.returncode == 0
    assert all(verb in result.stdout for verb in (*VERBS, *GROUPS))


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys; from console.cli import run; run(['--help']); "
        "heavy = {'sqlalchemy', 'celery', 'pydantic', 'numpy', 'psutil', 'redis'}; "
        "print('LOADED', sorted(heavy & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "LOADED []" in result.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_with_an_example_and_takes_a_home(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([verb, "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert f"mlrisk {verb}" in text.partition("Example:")[2] or "mlrisk migrate" in text
    assert "--home" in text


@pytest.mark.parametrize("verb", ORDER_VERBS)
def test_every_verb_of_order_has_help_with_an_example_and_takes_a_home(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["order", verb, "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert f"mlrisk order {verb}" in text.partition("Example:")[2]
    assert "--home" in text
    assert "--json" in text


@pytest.mark.parametrize("verb", ["adopt", "list"])
def test_every_verb_of_position_has_help_with_an_example_and_takes_a_home(
    verb: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["position", verb, "--help"]) == ExitCode.OK
    text = capsys.readouterr().out
    assert f"mlrisk position {verb}" in text.partition("Example:")[2]
    assert "--home" in text
    assert "--json" in text


def test_paper_exchange_has_its_own_help() -> None:
    result = _module("paper-exchange", "--help")
    assert result.returncode == 0
    assert "--market" in result.stdout


def test_version_names_program_python_and_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == ExitCode.OK
    assert re.search(r"mlrisk .+, Python 3\.\d+\.\d+, schema \S+", capsys.readouterr().out)


def test_the_request_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["schema", "request"]) == ExitCode.OK
    schema = json.loads(capsys.readouterr().out)
    assert "request_id" in schema["properties"]


def test_an_unknown_verb_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["statsu"]) == ExitCode.USAGE
    assert "status" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["status"], ExitCode.DEPENDENCY_DOWN),
        (["down"], ExitCode.DEPENDENCY_DOWN),
        (["requests"], ExitCode.USAGE),
        (["show", "r-1"], ExitCode.USAGE),
        (["halt", "--reason", "x"], ExitCode.USAGE),
        (["screen"], ExitCode.USAGE),
        (["order", "list"], ExitCode.USAGE),
        (["order", "cancel", "r-1", "--reason", "x"], ExitCode.USAGE),
    ],
)
def test_without_a_system_each_verb_says_so_in_one_line(
    arguments: list[str], code: ExitCode, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(arguments) == code
    error = capsys.readouterr().err
    assert error.startswith("mlrisk: ")
    assert len(error.splitlines()) == 1
    assert str(tmp_path) in error
    assert "mlrisk up" in error


def test_home_may_stand_before_or_after_the_verb(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for arguments in (["--home", "{}", "status"], ["status", "--home", "{}"]):
        home = str(tmp_path / "elsewhere")
        assert run([part.format(home) for part in arguments]) == ExitCode.DEPENDENCY_DOWN
        assert home in capsys.readouterr().err


@pytest.mark.parametrize("by", ["option", "variable"])
def test_a_home_that_somebody_is_starting_is_named_and_left_alone(
    by: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    home = Home(tmp_path / "held")
    home.create()
    monkeypatch.setenv("MLRISK_HOME", str(home.path if by == "variable" else tmp_path))
    before = ["--home", str(home.path)] if by == "option" else []
    with home.lock():
        assert run([*before, "up", "--no-demo"]) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert str(home.path) in error
    assert "mlrisk down" in error
    assert not (home.run / "environment.json").exists()


def test_an_unknown_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLRISK_DATABSE_URL", "x")
    assert run(["status"]) == ExitCode.USAGE
    assert "MLRISK_DATABSE_URL" in capsys.readouterr().err


def test_a_database_that_is_away_is_named_without_its_password(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = "postgresql+psycopg://postgres:hidden-word@127.0.0.1:1/mlrisk"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    assert run(["requests"]) == ExitCode.DEPENDENCY_DOWN
    error = capsys.readouterr().err
    assert "Postgres can't be reached" in error
    assert "hidden-word" not in error


def test_a_request_that_is_no_json_is_a_usage_error(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "order.json"
    assert run(["submit", str(path)]) == ExitCode.USAGE
    assert "can't be read" in capsys.readouterr().err
    path.write_text("{")
    assert run(["submit", str(path)]) == ExitCode.USAGE
    assert "is not JSON" in capsys.readouterr().err


def test_a_demo_report_needs_a_directory_that_exists(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert run(["demo", "--json", str(tmp_path / "no" / "r.json")]) == ExitCode.USAGE
    assert "is not a directory" in capsys.readouterr().err
