"""`mlrisk paper-exchange`: the paper exchange alone, for anybody's tests."""

import typer

from paper_exchange.main import main


def register(app: typer.Typer) -> None:
    """Adds the command; all its arguments go to the paper exchange's own parser."""
    app.command(
        "paper-exchange",
        context_settings={
            "allow_extra_args": True,
            "ignore_unknown_options": True,
            # Everything after the verb, --help too, belongs to the exchange's own command.
            "help_option_names": [],
        },
        epilog="Example: mlrisk paper-exchange --port 8899",
    )(paper_exchange)


def paper_exchange(ctx: typer.Context) -> None:
    """Run a server that answers like Bybit V5 (its options: mlrisk paper-exchange --help)."""
    raise typer.Exit(main(ctx.args))
