"""`mlrisk explain REQUEST_ID`: why a request was allowed, shrunk or denied."""

from typing import Annotated

import typer

from bot.risk.codec import Unreadable
from console.context import reading, settings_of
from console.errors import CommandError
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.views.explanation import print_stored, stored_explanation


def register(app: typer.Typer) -> None:
    """Adds `mlrisk explain` to the program."""
    app.command(epilog="Example: mlrisk explain demo-18c2f-1")(explain)


def explain(
    ctx: typer.Context,
    request_id: Annotated[str, typer.Argument(help="The request_id that the strategy chose.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain a decision: each check with value, limit, margin and data age; the size's factors."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        try:
            facts = stored_explanation(session, request_id)
        except Unreadable as error:
            raise CommandError(
                f"another version of the gate ({error}) decided {request_id}: `mlrisk show "
                f"{request_id}` shows its record"
            ) from error
    if facts is None:
        raise CommandError(f"no request is called {request_id!r}: `mlrisk requests` lists them")
    if as_json:
        print_json(facts)
    else:
        print_stored(stdout(), facts)
