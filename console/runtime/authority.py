"""Operators' logins on the command line. Secrets come from a prompt or a file, never an
argument."""

import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from bot.authority.actors import LOGIN_NEEDED, Actor, Operator
from bot.authority.login import Credentials, Login
from bot.clock import SystemClock
from bot.errors import NotAuthorised
from console.errors import CommandError, ExitCode
from console.runtime.configuring import actor_of
from models.database import Database

OperatorOption = Annotated[
    str | None,
    typer.Option(
        "--operator",
        metavar="NAME",
        help="Log in as this operator where the act takes authority.",
        show_default=False,
    ),
]
LoginFileOption = Annotated[
    Path | None,
    typer.Option(
        "--login-file",
        help="Two lines, passphrase and one-time code, instead of asking; - is the standard input.",
        show_default=False,
    ),
]
PassphraseFileOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        help="A line with the new passphrase, instead of asking; - is the standard input.",
        show_default=False,
    ),
]
CodeFileOption = Annotated[
    Path | None,
    typer.Option(
        "--code-file",
        help="A line with the override code, instead of asking; - is the standard input, after "
        "the login's lines.",
        show_default=False,
    ),
]

_T = TypeVar("_T")


def logged_in(
    db: Database, name: str | None, login_file: Path | None, *, note: str | None = None
) -> Operator:
    """The operator with the passphrase and code that are given or typed. Raises NotAuthorised."""
    return Login(db, SystemClock(), note=actor_of(note))(_credentials(name, login_file))


def with_authority(
    db: Database,
    act: Callable[[Actor], _T],
    *,
    operator: str | None,
    login_file: Path | None,
    note: str | None = None,
) -> _T:
    """Acts under the caller's note, and logs an operator in if the act needs it.

    The act itself says so, before it changes anything.
    """
    if operator is None and login_file is None:
        try:
            return act(actor_of(note))
        except NotAuthorised as refusal:
            if refusal.code != LOGIN_NEEDED or not sys.stdin.isatty():
                raise
            sys.stderr.write(f"{refusal.message}\n")
    return act(logged_in(db, operator, login_file, note=note))


def override_code(file: Path | None) -> str:
    """An override code, typed or read from a file."""
    if file is not None:
        return _lines(file, 1)[0]
    _require_terminal("--code-file")
    return str(typer.prompt("Override code", hide_input=True, err=True))


def new_passphrase(name: str, file: Path | None) -> str:
    """A passphrase for an operator's new secrets, typed twice or read from a file."""
    if file is not None:
        return _lines(file, 1)[0]
    _require_terminal("--passphrase-file")
    return str(
        typer.prompt(
            f"New passphrase of {name}", hide_input=True, confirmation_prompt=True, err=True
        )
    )


def _credentials(name: str | None, login_file: Path | None) -> Credentials:
    if login_file is not None:
        if name is None:
            raise CommandError("--login-file needs --operator NAME", ExitCode.USAGE)
        return Credentials(name, *_lines(login_file, 2))
    _require_terminal("--operator and --login-file")
    who = name or str(typer.prompt("Operator", err=True))
    passphrase = str(typer.prompt(f"Passphrase of {who}", hide_input=True, err=True))
    return Credentials(who, passphrase, str(typer.prompt("One-time code", err=True)))


def _require_terminal(instead: str) -> None:
    if not sys.stdin.isatty():
        raise CommandError(
            f"secrets are typed at a terminal; without one give {instead}", ExitCode.USAGE
        )


def _lines(file: Path, wanted: int) -> list[str]:
    """The first lines of a secret file. No error shows a part of it."""
    if str(file) == "-":
        lines = [sys.stdin.readline() for _ in range(wanted)]
    else:
        try:
            status = file.stat()
            if stat.S_ISREG(status.st_mode) and status.st_mode & 0o077:
                raise CommandError(f"{file} is open to others: chmod 600 it", ExitCode.USAGE)
            with file.open(encoding="utf-8") as stream:
                lines = [stream.readline() for _ in range(wanted)]
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(
                f"{file} can't be read ({type(error).__name__})", ExitCode.USAGE
            ) from None
    found = [line.rstrip("\r\n") for line in lines]
    if not all(found):
        raise CommandError(
            f"{'the standard input' if str(file) == '-' else file} needs {wanted} "
            f"line{'s' if wanted > 1 else ''} that aren't empty",
            ExitCode.USAGE,
        )
    return found
