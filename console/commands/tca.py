"""`mlrisk tca`: what trades cost, against the decision, the first order and the market."""

from pathlib import Path
from typing import Annotated

import typer

from console.context import HomeOption, JsonOption, reading, settings_of
from console.errors import CommandError, ExitCode
from console.output import print_json, stderr, stdout, write_atomically


def register(app: typer.Typer) -> None:
    app.command(
        epilog="Example: mlrisk tca demo-18c2f-1, or mlrisk tca --since 1h --csv costs.csv"
    )(tca)


def tca(
    ctx: typer.Context,
    request_id: Annotated[
        str | None, typer.Argument(help="One trade; else all since --since.", show_default=False)
    ] = None,
    since: Annotated[str, typer.Option("--since", help="1h, 7d, or 2026-11-23T12:00Z.")] = "1h",
    market: Annotated[
        bool, typer.Option("--market/--no-market", help="Ask the exchange for its minutes.")
    ] = True,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Write one line per trade to this file.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", help="Draw costs by algorithm to this SVG file.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split the costs of trades into delay, trading, opportunity and fees, exact to the last digit.

    Positive is what it cost, in the quote currency or in bps of the approved quantity at the
    decision's mid.
    """
    from console.cost_chart import by_algorithm_svg
    from console.cost_report import cost_csv, facts, find_costs, print_costs, print_trade

    if plot is not None and plot.suffix.lower() != ".svg":
        raise CommandError(
            f"--plot draws SVG, not {plot.suffix or 'a file without suffix'}: name it .svg",
            ExitCode.USAGE,
        )
    settings = settings_of(ctx, home)
    with reading(settings.require_database_url()) as session:
        found = find_costs(session, settings, request_id=request_id, since=since, ask_market=market)
    if request_id is not None and not found.trades and not found.problems:
        raise CommandError(f"{request_id!r} has no trade: see `mlrisk show` and `mlrisk requests`")
    if csv is not None:
        write_atomically(csv, cost_csv(found.trades))
    if plot is not None:
        write_atomically(plot, by_algorithm_svg(found.trades))
    if as_json:
        print_json(facts(found))
    elif request_id is not None and found.trades:
        print_trade(stdout(), found.trades[0])
    else:
        print_costs(stdout(), found)
    for problem in found.problems:
        stderr().print(f"not computed: {problem}", markup=False)
