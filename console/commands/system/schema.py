"""`mlrisk schema`: the published JSON Schemas."""

import typer

from console.output import print_json
from models.messages import request_schema

app = typer.Typer(no_args_is_help=True, help="Print a published JSON Schema.")


@app.command(epilog="Example: mlrisk schema request > trade_request.schema.json")
def request() -> None:
    """The message that a strategy sends to `tasks.validation.validate_and_execute`."""
    print_json(request_schema())
