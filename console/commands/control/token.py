"""`mlrisk token`: the tokens by which programs use the REST interface."""

import sys
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from bot.authority.tokens import LIFETIME, LONGEST_LIFETIME, Holder, Tokens, is_over
from bot.clock import SystemClock
from bot.state import binding
from console.context import acting, settings_to_act, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ReasonOption
from models.database import Database
from models.enums import TokenKind
from models.tables import ApiTokenRow

app = typer.Typer(
    no_args_is_help=True,
    help="Make, list and revoke the tokens by which programs use the REST interface.",
)


@app.command(epilog='Example: mlrisk token create strategy momentum --reason "its new host"')
def create(
    ctx: typer.Context,
    kind: Annotated[TokenKind, typer.Argument(help="Whom the token speaks for.")],
    name: Annotated[str, typer.Argument(help="The name of the strategy or of the operator.")],
    reason: ReasonOption,
    days: Annotated[
        int,
        typer.Option(
            "--days", min=1, max=LONGEST_LIFETIME.days, help="The token ends after this time."
        ),
    ] = LIFETIME.days,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token, and show it once. A strategy's submits and reads its own requests; an
    operator's looks and halts, and never lets trading go on.

    Outside development a strategy's takes the login of an operator, and an operator's that
    operator's own login or a risk officer's.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        new = with_authority(
            db,
            lambda by: _tokens(db).create(
                Holder(kind, name), by, reason=reason, lifetime=timedelta(days=days)
            ),
            operator=operator,
            login_file=login_file,
        )
    if as_json:
        print_json({"token": new.token, **_facts(new.row, new.row.created_at)})
        return
    # Written directly, so that nothing wraps or colours it.
    sys.stdout.write(f"{new.token}\n")
    stdout().print(
        f"shown once: token {new.row.token_id} of {kind} {name}, until {utc(new.row.expires_at)}",
        markup=False,
    )


@app.command("list", epilog="Example: mlrisk token list --json")
def list_tokens(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """List all tokens by their public ids: holder, state and end. No secret is shown."""
    now = SystemClock().now()
    with acting(settings_to_look(ctx, home)) as db:
        rows = [_facts(row, now) for row in _tokens(db).known()]
    if as_json:
        print_json({"tokens": rows})
        return
    for row in rows:
        stdout().print(
            f"{row['id']}: {row['kind']} {row['holder']}, {row['state']}, "
            f"until {utc(row['expires_at'])}",
            markup=False,
        )
    if not rows:
        stdout().print("there is no token: `mlrisk token create` makes one", markup=False)


@app.command(epilog='Example: mlrisk token revoke 3f9c0a1b2d4e --reason "its host was sold"')
def revoke(
    ctx: typer.Context,
    token_id: Annotated[str, typer.Argument(help="The token's public id.")],
    reason: ReasonOption,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Revoke a token. It opens nothing from then on. Takes the same login as making it."""
    clock = SystemClock()
    with acting(settings_to_act(ctx, home)) as db:
        row = with_authority(
            db,
            lambda by: _tokens(db).revoke(token_id, by, reason=reason),
            operator=operator,
            login_file=login_file,
        )
    if as_json:
        print_json(_facts(row, clock.now()))
    else:
        stdout().print(f"token {row.token_id} is revoked", markup=False)


def _tokens(db: Database) -> Tokens:
    return Tokens(db, SystemClock(), is_guarded=binding.is_guarded)


def _facts(row: ApiTokenRow, now: datetime) -> dict[str, Any]:
    return {
        "id": row.token_id,
        "kind": row.kind,
        "holder": row.holder,
        "state": is_over(row, now) or "good",
        "created_at": row.created_at,
        "created_by": row.created_by,
        "expires_at": row.expires_at,
        "revoked_at": row.revoked_at,
        "revoked_by": row.revoked_by,
    }
