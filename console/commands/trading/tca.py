"""`mlrisk tca`: the costs of trades against the decision, the first order and the market."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.errors import Refused
from bot.state import binding
from bot.tca.analysis import TradeCost
from bot.tca.refit import PATH, fit_recent, judged
from bot.tca.service import Costs
from config.settings import Settings
from console.context import reading, settings_of
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, write_atomically, writing
from console.reports.costs import costs_document, trade_document
from console.reports.document import Document
from console.reports.frames import costs_frame, trade_frame
from console.reports.writing import check_files, write_document
from console.runtime.configuring import configuration_service, moment_of
from console.views.costs.cost_csv import cost_csv, order_csv
from console.views.costs.cost_report import (
    facts,
    find_costs,
    print_costs,
    print_trade,
    print_verdict,
    verdict_facts,
)
from console.views.live.queries import database_now


def register(app: typer.Typer) -> None:
    """Adds `mlrisk tca` to the program."""
    app.command(
        epilog="Example: mlrisk tca demo-18c2f-1, or mlrisk tca --since 1h --html costs.html"
    )(tca)


def tca(
    ctx: typer.Context,
    request_id: Annotated[
        str | None, typer.Argument(help="One trade; else all since --since.", show_default=False)
    ] = None,
    since: Annotated[str, typer.Option("--since", help="1h, 7d, or 2026-11-23T12:00Z.")] = "1h",
    market: Annotated[
        bool, typer.Option("--market/--no-market", help="Read the minute bars of the exchange.")
    ] = True,
    csv: Annotated[
        Path | None,
        typer.Option(
            "--csv", help=("Write one line for each trade, or for each order of the one trade.")
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw the costs, or the one trade, to this PNG file."),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option("--html", help="Write one HTML page with plots and their tables here."),
    ] = None,
    pdf: Annotated[
        Path | None,
        typer.Option("--pdf", help="Write the same as a PDF here (extra `pictures`)."),
    ] = None,
    fit_impact: Annotated[
        bool,
        typer.Option("--fit-impact", help="Show the result of the daily fit of the impact law."),
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Split the costs of trades into delay, trading, opportunity and fees, exact to the last digit.

    A positive figure is a cost, in the quote currency or in bps of the approved quantity at the
    decision's mid. The page needs no other file and runs no script.
    """
    if plot is not None and plot.suffix.lower() != ".png":
        raise CommandError(
            f"--plot draws PNG, not {plot.suffix or 'a file without suffix'}: name it .png",
            ExitCode.USAGE,
        )
    files = {"--csv": csv, "--plot": plot, "--html": html, "--pdf": pdf}
    check_files(files, pictures=plot is not None or pdf is not None)
    settings = settings_of(ctx, home)
    if fit_impact:
        _show_fit(settings, as_json=as_json)
        return
    with reading(settings.require_database_url()) as session:
        found = find_costs(session, settings, request_id=request_id, since=since, ask_market=market)
        now, shown = database_now(session), binding.shown(session, settings)
    if request_id is not None and not found.trades and not found.problems:
        raise CommandError(f"{request_id!r} has no trade: see `mlrisk show` and `mlrisk requests`")
    one = found.trades[0] if request_id is not None and found.trades else None
    if csv is not None:
        with writing(csv):
            write_atomically(csv, cost_csv(found.trades) if one is None else order_csv(one))
    if plot is not None:
        with writing(plot):
            _draw(found, one, plot)
    if html is not None or pdf is not None:
        write_document(_document(found, one, since, shown, now), html, pdf)
    if as_json:
        print_json(facts(found))
    elif one is not None:
        print_trade(stdout(), one)
    else:
        print_costs(stdout(), found)
    for problem in found.problems:
        stderr().print(f"not computed: {problem}", markup=False)


def _draw(found: Costs, one: TradeCost | None, path: Path) -> None:
    # The import of matplotlib takes a second, and nothing else needs it.
    from console.views.costs.cost_chart import by_algorithm_figure, save, trade_figure

    if one is None:
        save(by_algorithm_figure(found.trades), path)
    else:
        save(trade_figure(one, found.bars.get(one.symbol, ())), path)


def _document(
    found: Costs, one: TradeCost | None, since: str, settings: Settings, now: datetime
) -> Document:
    if one is None:
        return costs_document(found, costs_frame(found, moment_of(since, now), settings, now))
    return trade_document(found, one, trade_frame(found, one, settings, now))


def _show_fit(settings: Settings, *, as_json: bool) -> None:
    """Shows the result that `tasks.reporting.refit_impact` would have now, and changes nothing."""
    with configuration_service(settings) as (_, service):
        in_force = service.current().value(PATH)
    try:
        with reading(settings.require_database_url()) as session:
            fit = fit_recent(session, database_now(session))
    except Refused as refusal:
        raise CommandError(refusal.message) from refusal
    verdict = judged(fit, in_force)
    if as_json:
        print_json(verdict_facts(fit, verdict, in_force))
    else:
        print_verdict(stdout(), verdict, in_force)
