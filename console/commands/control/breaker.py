"""`mlrisk breaker`: lists tripped breakers and resets one."""

from typing import Annotated

import typer
from rich.markup import escape

from console.context import acting, settings_to_act, settings_to_look
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption
from console.runtime.recovering import breakers_of, may_recover, tell

app = typer.Typer(no_args_is_help=True, help="List tripped breakers and reset one.")


@app.command(name="list", epilog="Example: mlrisk breaker list --json")
def list_breakers(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List every breaker that has ever tripped, tripped ones first, and all that denies now."""
    settings = settings_to_look(ctx, home)
    with acting(settings) as db:
        held = breakers_of(settings, db)
        known, denying = held.known(), held.still_denying()
    rows = [
        {
            "scope": f"{row.scope_kind}:{row.scope_key}",
            "kind": row.kind,
            "tripped": row.tripped,
            "value": row.value,
            "limit": row.limit,
            "reason": row.reason,
            "changed_at": row.changed_at,
        }
        for row in known
    ]
    if as_json:
        print_json({"breakers": rows, "still_denying": denying})
        return
    out = stdout()
    for row in known:
        mark = "[red]tripped[/]" if row.tripped else "[green]ready[/]  "
        out.print(
            f"{mark} {escape(row.kind)} of {row.scope_kind} {escape(row.scope_key)} since "
            f"{utc(row.changed_at)}: {escape(row.reason)}"
        )
    tell(denying)


@app.command(epilog='Example: mlrisk breaker reset daily_loss_limit --reason "hedge was booked"')
def reset(
    ctx: typer.Context,
    kind: Annotated[str, typer.Argument(help="As `mlrisk breaker list` names it.")],
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reset a tripped breaker. With the last one, the account's state REDUCING ends.

    Outside development it takes a risk officer's login.

    After a loss breaker the present equity is the new base: only a new loss trips it again.
    Earlier approvals stay void. Exit status 4 when something still denies entries.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        held, free = breakers_of(settings, db), may_recover(db, settings)
        report = with_authority(
            db,
            lambda by: held.reset(kind, reason=reason, actor=by, authorised=free),
            operator=operator,
            login_file=login_file,
        )
    if as_json:
        print_json(
            {
                "kind": report.kind,
                "was_tripped": report.was_tripped,
                "state": report.state,
                "still_denying": report.still,
            }
        )
    else:
        done = "reset" if report.was_tripped else "was not tripped"
        stdout().print(f"{escape(report.kind)} {done}; the account is {report.state.upper()}")
        tell(report.still)
    if report.still:
        raise typer.Exit(ExitCode.HALTED)
