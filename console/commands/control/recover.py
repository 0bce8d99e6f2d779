"""`mlrisk recover`: the authorised way back after a halt, step by step."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from bot.authority.actors import Actor, Operator
from bot.authority.override_codes import OverrideCodes, Use
from bot.clock import SystemClock
from bot.errors import Refused
from bot.safety.recovery.preview import Preview
from bot.safety.recovery.recovering import Authority, Recovering
from bot.state import binding
from bot.state.scope import Scope
from config.settings import Settings
from console.context import acting, settings_to_act
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import (
    CodeFileOption,
    LoginFileOption,
    OperatorOption,
    logged_in,
    override_code,
)
from console.runtime.configuring import ReasonOption, actor_of
from console.runtime.halts.halting import ScopeOption, scope_of
from console.runtime.halts.recovering import may_end_halt, preview_of
from models.database import Database
from models.enums import OverrideAction, RecoveryPhase
from models.tables import RecoveryRow

_CONFIRM = "confirm"


def register(app: typer.Typer) -> None:
    """Adds `mlrisk recover` to the program."""
    app.command(
        epilog='Example: mlrisk recover --scope global --reason "feed is back" --operator ann'
    )(recover)


def recover(
    ctx: typer.Context,
    reason: ReasonOption,
    step: Annotated[
        str | None,
        typer.Argument(help="`confirm`, to confirm what another person asked for."),
    ] = None,
    number: Annotated[
        int | None, typer.Argument(help="The number of the recovery to confirm.")
    ] = None,
    scope: ScopeOption = "global",
    look: Annotated[
        bool, typer.Option("--look", help="Show what a recovery would do, and do nothing.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Ask no question before acting.")] = False,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    code_file: CodeFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recover from a halt: show what will resume, then trade at 10, 25, 50 and 100 % of the size.

    Outside development this takes a risk officer's login and an override code (`mlrisk codes`).
    In production it waits for a second risk officer: `mlrisk recover confirm NUMBER`. It needs the
    database alone. Exit status 4 while it waits for the second person.
    """
    if (step is None) != (number is None) or step not in (None, _CONFIRM):
        raise CommandError("`mlrisk recover confirm NUMBER` confirms a recovery", ExitCode.USAGE)
    if as_json and not (yes or look):
        raise CommandError("--json asks no question: give --yes or --look", ExitCode.USAGE)
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        service = Recovering(db, settings.account, SystemClock())
        chosen = scope_of(scope, settings) if number is None else service.scope_of(number)
        shown = preview_of(settings, db, chosen)
        if not as_json:
            _print(shown)
        if look:
            if as_json:
                print_json({"preview": asdict(shown), "recovery": None})
            return
        if not yes:
            _ask(chosen)
        action = OverrideAction.RECOVER if number is None else OverrideAction.CONFIRM
        authority = _authority(
            db, settings, Use(action, str(chosen)), (operator, login_file, code_file)
        )
        if number is None:
            with db.reading() as session:
                second = not authority.is_free and binding.needs_second_person(session, settings)
            row = service.ask(chosen, reason=reason, authority=authority, needs_second=second)
        else:
            row = service.confirm(number, reason=reason, authority=authority)
    if as_json:
        print_json({"preview": asdict(shown), "recovery": _facts(row)})
    else:
        _tell(row)
    if row.phase is RecoveryPhase.PENDING:
        raise typer.Exit(ExitCode.HALTED)


def _ask(scope: Scope) -> None:
    if not sys.stdin.isatty():
        raise CommandError("without a terminal give --yes", ExitCode.USAGE)
    if not typer.confirm(f"Recover {scope}?", err=True):
        raise Refused("nothing was changed")


def _authority(
    db: Database,
    settings: Settings,
    use: Use,
    given: tuple[str | None, Path | None, Path | None],
) -> Authority:
    """A login and a code where the environment asks for them; else the caller's note."""
    operator, login_file, code_file = given
    free = may_end_halt(db, settings)
    if free and operator is None and login_file is None:
        actor: Actor = actor_of(None)
        return Authority(actor, is_free=True)
    by: Operator = logged_in(db, operator, login_file)
    if free:
        return Authority(by, is_free=True)
    code = override_code(code_file)
    return Authority(by, code=OverrideCodes(db, SystemClock()).prove(code, use, by))


def _print(shown: Preview) -> None:
    out = stdout()
    since = "" if shown.since is None else f" since {utc(shown.since)}"
    why = f": {escape(shown.reason)}" if shown.reason else ""
    out.print(f"[bold]{escape(shown.scope)}[/] is {shown.state.upper()}{since}{why}")
    _list("what resumes", shown.resumes)
    _list("what does not", shown.stays)
    if shown.resting.orders is None:
        _list("orders at the exchange", (f"unknown: {shown.resting.unknown}",))
    else:
        lines = [
            f"{order.symbol} {order.order} ({'ours' if order.is_ours else 'of others'}"
            f"{', reduces only' if order.reduce_only else ''})"
            for order in shown.resting.orders
        ]
        _list("orders at the exchange", lines or ["none"])
    acts = [
        f"{utc(act.at)} {act.actor} {act.kind} {act.subject}"
        + (f": {act.reason}" if act.reason else "")
        for act in shown.acts
    ]
    _list("who acted since", acts or ["nobody"])


def _list(title: str, lines: Any) -> None:
    out = stdout()
    out.print(f"{title}:")
    for line in lines:
        out.print(f"   {escape(line)}")


def _tell(row: RecoveryRow) -> None:
    scope = f"{row.scope_kind}:{row.scope_key}"
    if row.phase is RecoveryPhase.PENDING:
        stdout().print(
            f"recovery {row.recovery_id} of {scope} waits until {utc(row.expires_at)} for a second "
            f"risk officer: mlrisk recover confirm {row.recovery_id} --reason ...",
            markup=False,
        )
        return
    stdout().print(
        f"{scope} is RECOVERING: entries are {row.share * 100:f} % of their size at most",
        markup=False,
    )


def _facts(row: RecoveryRow) -> dict[str, Any]:
    return {
        "id": row.recovery_id,
        "scope": f"{row.scope_kind}:{row.scope_key}",
        "phase": row.phase,
        "share": row.share,
        "asked_by": row.asked_by,
        "confirmed_by": row.confirmed_by,
        "expires_at": row.expires_at,
    }
