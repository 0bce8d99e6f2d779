"""Logins come from a prompt or a private file; without either the act says what it needs."""

from pathlib import Path
from typing import Any

import pytest

from bot.authority.actors import LOGIN_NEEDED, Actor
from bot.errors import NotAuthorised
from console.errors import CommandError, ExitCode
from console.runtime.authority import logged_in, new_passphrase, with_authority

NOBODY: Any = None


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "login"
    file.write_text("a long passphrase\n123456\n", encoding="utf-8")
    file.chmod(0o600)
    return file


def test_a_passphrase_is_the_first_line_of_its_file(secrets: Path) -> None:
    assert new_passphrase("ann", secrets) == "a long passphrase"


@pytest.mark.parametrize(
    ("text", "mode", "words"),
    [
        ("secret-word\n", 0o644, "is open to others"),
        ("\n", 0o600, "needs 1 line that aren't empty"),
        (None, 0o600, "can't be read"),
    ],
)
def test_a_file_that_others_may_read_or_that_holds_nothing_is_refused(
    tmp_path: Path, text: str | None, mode: int, words: str
) -> None:
    file = tmp_path / "secret"
    if text is not None:
        file.write_text(text, encoding="utf-8")
        file.chmod(mode)
    with pytest.raises(CommandError, match=words) as refused:
        new_passphrase("ann", file)
    assert refused.value.exit_code is ExitCode.USAGE
    assert "secret-word" not in str(refused.value)


def test_a_login_file_needs_a_name(secrets: Path) -> None:
    with pytest.raises(CommandError, match="needs --operator NAME"):
        logged_in(NOBODY, None, secrets)


def test_an_act_that_needs_no_login_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "somebody")

    def act(actor: Actor) -> str:
        return str(actor)

    done = with_authority(NOBODY, act, operator=None, login_file=None)
    assert done.startswith("cli:")


@pytest.mark.parametrize("code", [LOGIN_NEEDED, "other"])
def test_without_a_terminal_a_refused_act_stays_refused(
    monkeypatch: pytest.MonkeyPatch, code: str
) -> None:
    monkeypatch.setattr("sys.stdin", Path("/dev/null").open(encoding="utf-8"))  # noqa: SIM115

    def act(_: Actor) -> None:
        raise NotAuthorised("log in", code=code)

    with pytest.raises(NotAuthorised):
        with_authority(NOBODY, act, operator=None, login_file=None)
