"""`mlrisk show REQUEST_ID`: everything that is known of one request."""

from typing import Annotated

import typer

from console.context import reading, settings_of
from console.errors import CommandError
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.views.request_facts import print_facts, request_facts


def register(app: typer.Typer) -> None:
    """Adds `mlrisk show` to the program."""
    app.command(epilog="Example: mlrisk show demo-18c2f-1 --json")(show)


def show(
    ctx: typer.Context,
    request_id: Annotated[str, typer.Argument(help="The request_id that the strategy chose.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a request, its decision with every check, the factors of its size, orders and fills."""
    with reading(settings_of(ctx, home).require_database_url()) as session:
        facts = request_facts(session, request_id)
    if facts is None:
        raise CommandError(f"no request is called {request_id!r}: `mlrisk requests` lists them")
    if as_json:
        print_json(facts)
    else:
        print_facts(stdout(), facts)
