"""`mlrisk operator`: the persons with the authority to act, and their acts."""

import os
import sys
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.authority.codes import INTERVAL_SECONDS
from bot.authority.operators import Enrolment, Operators, enrol
from bot.authority.verifying import acts as all_acts
from bot.authority.verifying import problems
from bot.clock import SystemClock
from config.settings import Environment, Settings
from console.context import acting, reading, settings_to_act, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import (
    LoginFileOption,
    OperatorOption,
    PassphraseFileOption,
    logged_in,
    new_passphrase,
)
from console.runtime.configuring import ReasonOption, actor_of
from models.enums import OperatorRole
from models.tables import OperatorRow

app = typer.Typer(
    no_args_is_help=True,
    help="Add, list, disable and reset the operators who act with authority; verify their acts.",
)

NameArgument = Annotated[str, typer.Argument(help="2 to 32 of a-z, 0-9, '.', '_' and '-'.")]


@app.command(epilog="Example: mlrisk operator add ann --role risk_officer")
def add(
    ctx: typer.Context,
    name: NameArgument,
    role: Annotated[OperatorRole, typer.Option("--role", help="What the operator may do.")],
    passphrase_file: PassphraseFileOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add an operator, and show the address for the authenticator app (otpauth) once.

    The first operator is a risk officer and needs no login. Every other one takes a risk
    officer's login.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        service = Operators(db, SystemClock())
        is_first = not service.everybody()
        by = actor_of(None) if is_first else logged_in(db, operator, login_file)
        new, shown = _enrolled(service, name, passphrase_file, as_json=as_json)
        row = service.add(new, role, by, may_found=_may_found(settings))
    _tell_secrets(row, new, "added", as_json=as_json, shown=shown)


@app.command("list", epilog="Example: mlrisk operator list --json")
def list_operators(
    ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List all operators with their roles; no secret is shown."""
    clock = SystemClock()
    with acting(settings_to_look(ctx, home)) as db:
        rows = [_facts(row, clock.now()) for row in Operators(db, clock).everybody()]
    if as_json:
        print_json({"operators": rows})
        return
    for row in rows:
        until = f" until {utc(row['locked_until'])}" if row["state"] == "locked" else ""
        last = "never" if row["last_login"] is None else utc(row["last_login"])
        stdout().print(
            f"{row['name']}: {row['role']}, {row['state']}{until}, last login {last}, "
            f"added {utc(row['created_at'])} by {row['created_by']}",
            markup=False,
        )
    if not rows:
        stdout().print("there is no operator: `mlrisk operator add` adds the first", markup=False)


@app.command(epilog='Example: mlrisk operator disable ann --reason "has left"')
def disable(
    ctx: typer.Context,
    name: NameArgument,
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Disable an operator for good. Takes a risk officer's login."""
    clock = SystemClock()
    with acting(settings_to_act(ctx, home)) as db:
        by = logged_in(db, operator, login_file)
        row = Operators(db, clock).disable(name, by, reason=reason)
    if as_json:
        print_json(_facts(row, clock.now()))
    else:
        stdout().print(f"operator {row.name} is disabled", markup=False)


@app.command(epilog='Example: mlrisk operator reset ann --reason "lost her phone"')
def reset(
    ctx: typer.Context,
    name: NameArgument,
    reason: ReasonOption,
    passphrase_file: PassphraseFileOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Give an operator a new passphrase, a new code secret and key, and end a lock.

    Takes a risk officer's login, or the operator's own.
    """
    with acting(settings_to_act(ctx, home)) as db:
        service = Operators(db, SystemClock())
        by = logged_in(db, operator, login_file)
        new, shown = _enrolled(service, name, passphrase_file, as_json=as_json)
        row = service.reset(new, by, reason=reason)
    _tell_secrets(row, new, "reset", as_json=as_json, shown=shown)


@app.command(epilog="Example: mlrisk operator acts --json")
def acts(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List the acts of operators, and verify each signature. Exit status 1 when one is wrong."""
    with reading(settings_to_look(ctx, home).require_database_url()) as session:
        found, wrong = all_acts(session), problems(session)
    if as_json:
        print_json({"acts": [asdict(act) for act in found], "problems": wrong})
    else:
        for act in found:
            mark = "signed" if act.problem is None else f"NOT sound, {act.problem}"
            why = f": {act.reason}" if act.reason else ""
            stdout().print(
                f"{utc(act.at)} {act.operator} {act.kind} {act.subject}{why} ({mark})",
                markup=False,
            )
        for problem in wrong:
            stdout().print(f"problem: {problem}", markup=False)
    if wrong:
        raise typer.Exit(ExitCode.FAILED)


def _enrolled(
    service: Operators, name: str, passphrase_file: Path | None, *, as_json: bool
) -> tuple[Enrolment, bool]:
    """New secrets that nothing has stored yet, and whether the person has seen them."""
    new = enrol(name, new_passphrase(name, passphrase_file))
    return new, passphrase_file is None and not as_json and _confirm(service, new)


def _confirm(service: Operators, new: Enrolment) -> bool:
    """Shows the secret and asks for the authenticator's code. A wrong code stores nothing."""
    # Written directly, because a wrapped line is no valid address.
    sys.stderr.write(f"Give this to the authenticator app; it is shown once:\n{new.uri}\n")
    if not service.proves(new, str(typer.prompt("The code that it shows now", err=True))):
        raise CommandError(
            "the code is wrong (is the clock right?); nothing was stored", ExitCode.FAILED
        )
    return True


def _may_found(settings: Settings) -> bool:
    """Whether this user may add the first operator: in production only the home's owner may."""
    if settings.environment is not Environment.PRODUCTION:
        return True
    try:
        return settings.home.stat().st_uid == os.geteuid()
    except OSError:
        return False


def _tell_secrets(
    row: OperatorRow, new: Enrolment, done: str, *, as_json: bool, shown: bool
) -> None:
    if as_json:
        print_json(
            {"name": row.name, "role": row.role, "key": row.public_key, "otpauth_uri": new.uri}
        )
        return
    stdout().print(f"operator {row.name} {done} as {row.role}", markup=False)
    if not shown:
        sys.stdout.write(f"for the authenticator app, shown once: {new.uri}\n")


def _facts(row: OperatorRow, now: Any) -> dict[str, Any]:
    is_locked = row.locked_until is not None and now < row.locked_until
    state = "disabled" if row.disabled_at else "locked" if is_locked else "active"
    last = None if row.totp_step is None else row.totp_step * INTERVAL_SECONDS
    return {
        "name": row.name,
        "role": row.role,
        "state": state,
        "key": row.public_key,
        "failed_attempts": row.failed_attempts,
        "locked_until": row.locked_until if is_locked else None,
        "last_login": None if last is None else datetime.fromtimestamp(last, UTC),
        "created_at": row.created_at,
        "created_by": row.created_by,
        "disabled_at": row.disabled_at,
        "disabled_by": row.disabled_by,
    }
