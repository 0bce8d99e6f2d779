"""Secrets are typed at a real terminal, which shows none of them."""

import os
import pty
import re
import select
import sys
from collections.abc import Callable
from pathlib import Path

import pyotp
import pytest

from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from console.errors import ExitCode
from models.database import Database
from models.enums import TradingState
from models.repositories.safety import states
from tests.support.operators import PASSPHRASE
from tests.support.repository import ROOT

pytestmark = pytest.mark.services

_PATIENCE_SECONDS = 120
Answer = Callable[[str], str]
"""Makes what is typed of all that was shown so far."""


class Terminal:
    """Runs commands of `mlrisk` with a terminal of their own, as a person sees it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._environment = environment

    def run(self, *arguments: str, answers: list[tuple[str, Answer]]) -> tuple[int, str]:
        """Types each answer after its question; the exit status and all that was shown.

        A question's last space comes when the terminal has stopped showing what is typed.
        """
        command = [sys.executable, "-m", "console", *arguments]
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execve(command[0], command, self._environment)
        shown = ""
        for question, answer in answers:
            while question not in shown:
                shown += self._read(terminal, shown)
            before, _, shown = shown.rpartition(question)
            os.write(terminal, f"{answer(before)}\n".encode())
            shown = f"{before}{question.upper()}{shown}"
        while more := self._read(terminal, shown):
            shown += more
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), shown

    @staticmethod
    def _read(terminal: int, shown: str) -> str:
        """What came next; empty at the end."""
        ready, _, _ = select.select([terminal], [], [], _PATIENCE_SECONDS)
        assert ready, f"nothing more came after: {shown}"
        try:
            return os.read(terminal, 4096).decode()
        except OSError:  # Linux says so when the last process has left the terminal
            return ""


def code_of(shown: str) -> str:
    found = re.search(r"otpauth://\S+", shown)
    assert found is not None, shown
    totp = pyotp.parse_uri(found.group())
    assert isinstance(totp, pyotp.TOTP)
    return totp.now()


def test_a_passphrase_is_typed_without_being_shown_and_lifts_a_halt(
    db: Database, migrated_url: str, tmp_path: Path
) -> None:
    terminal = Terminal(
        {
            **{name: value for name, value in os.environ.items() if "MLRISK" not in name},
            "MLRISK_HOME": str(tmp_path),
            "MLRISK_DATABASE_URL": migrated_url,
            "MLRISK_ENVIRONMENT": "staging",
            "MLRISK_TRADING_MODE": "conservative",
        }
    )
    status, added = terminal.run(
        *("operator", "add", "ann", "--role", "risk_officer"),
        answers=[
            ("New passphrase of ann: ", lambda _: PASSPHRASE),
            ("Repeat for confirmation: ", lambda _: PASSPHRASE),
            ("The code that it shows now: ", code_of),
        ],
    )
    assert (status, "operator ann added as risk_officer" in added) == (ExitCode.OK, True)
    TradingHalt(db, SystemClock()).halt(reason="drill", actor="test")
    _, resumed = terminal.run(
        *("resume", "--reason", "feed is back"),
        answers=[
            ("Operator: ", lambda _: "ann"),
            ("Passphrase of ann: ", lambda _: PASSPHRASE),
            ("One-time code: ", lambda _: code_of(added)),
        ],
    )
    assert "an operator has to log in" in resumed
    assert PASSPHRASE not in added + resumed
    with db.reading() as session:
        assert states.all_states(session)[0].state == TradingState.ACTIVE
