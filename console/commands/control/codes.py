"""`mlrisk codes`: single-use override codes for the recovery after a halt."""

import sys
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from bot.authority.override_codes import LIFETIME, LONGEST_LIFETIME, OverrideCodes, Use
from bot.clock import SystemClock
from console.context import acting, settings_to_act, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, logged_in
from console.runtime.configuring import ReasonOption
from console.runtime.halts.halting import ScopeOption, scope_of
from models.enums import OverrideAction
from models.tables import OverrideCodeRow

app = typer.Typer(
    no_args_is_help=True,
    help="Draw, list and revoke the single-use codes that open a recovery.",
)


@app.command(epilog='Example: mlrisk codes create --reason "for the safe"')
def create(
    ctx: typer.Context,
    reason: ReasonOption,
    action: Annotated[
        OverrideAction, typer.Option("--action", help="The act that the code opens.")
    ] = OverrideAction.RECOVER,
    scope: ScopeOption = "global",
    days: Annotated[
        int,
        typer.Option(
            "--days", min=1, max=LONGEST_LIFETIME.days, help="The code ends after this time."
        ),
    ] = LIFETIME.days,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw a code for yourself, and show it once. Takes a risk officer's login everywhere.

    The code opens one act on one scope, once, together with its owner's login.
    """
    settings = settings_to_act(ctx, home)
    use = Use(action, str(scope_of(scope, settings)))
    with acting(settings) as db:
        by = logged_in(db, operator, login_file)
        new = OverrideCodes(db, SystemClock()).create(
            use, by, reason=reason, lifetime=timedelta(days=days)
        )
    if as_json:
        print_json({"code": new.code, **_facts(new.row, by.name, new.row.created_at)})
        return
    # Written directly, so that nothing wraps or colours it.
    sys.stdout.write(f"{new.code}\n")
    stdout().print(
        f"shown once: {use.action} {use.scope}, for {by.name}, until {utc(new.row.expires_at)}",
        markup=False,
    )


@app.command("list", epilog="Example: mlrisk codes list --json")
def list_codes(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all codes by their public ids: owner, act, scope and state. No secret is shown."""
    clock = SystemClock()
    with acting(settings_to_look(ctx, home)) as db:
        now = clock.now()
        rows = [_facts(row, owner, now) for row, owner in OverrideCodes(db, clock).known()]
    if as_json:
        print_json({"codes": rows})
        return
    for row in rows:
        stdout().print(
            f"{row['id']}: {row['action']} {row['scope']}, for {row['owner']}, {row['state']}, "
            f"until {utc(row['expires_at'])}",
            markup=False,
        )
    if not rows:
        stdout().print("there is no code: `mlrisk codes create` draws one", markup=False)


@app.command(epilog='Example: mlrisk codes revoke 7Q2M9K --reason "the safe was open"')
def revoke(
    ctx: typer.Context,
    code_id: Annotated[str, typer.Argument(help="The code's public id, its first six characters.")],
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a code before its use. Takes a risk officer's login everywhere."""
    clock = SystemClock()
    with acting(settings_to_act(ctx, home)) as db:
        by = logged_in(db, operator, login_file)
        row = OverrideCodes(db, clock).revoke(code_id, by, reason=reason)
    if as_json:
        print_json({"id": row.code_id, "state": _state(row, clock.now())})
    else:
        stdout().print(f"code {row.code_id} is revoked", markup=False)


def _facts(row: OverrideCodeRow, owner: str, now: datetime) -> dict[str, Any]:
    return {
        "id": row.code_id,
        "owner": owner,
        "action": row.action,
        "scope": row.scope,
        "state": _state(row, now),
        "created_at": row.created_at,
        "expires_at": row.expires_at,
        "used_at": row.used_at,
        "revoked_at": row.revoked_at,
        "revoked_by": row.revoked_by,
    }


def _state(row: OverrideCodeRow, now: datetime) -> str:
    if row.used_at is not None:
        return "used"
    if row.revoked_at is not None:
        return "revoked"
    return "expired" if now >= row.expires_at else "good"
