"""`mlrisk replay`: decides stored requests again and shows the differences."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from bot.decision.replay import LimitsOf, with_values
from config.settings import Settings
from console.context import reading, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.configuring import (
    FileOption,
    SetOption,
    chosen_limits,
    configuration_errors,
    moment_of,
    values_of,
)
from console.views.replay_report import ReplayReport, print_replay


def register(app: typer.Typer) -> None:
    """Adds `mlrisk replay` to the program."""
    app.command(
        epilog="Example: mlrisk replay --from 24h --set ml_risk_thresholds.min_confidence=0.7"
    )(replay)


def replay(
    ctx: typer.Context,
    since: Annotated[
        str, typer.Option("--from", help=("The start: 2026-11-23T12:00Z, a day, or 24h ago."))
    ],
    until: Annotated[
        str, typer.Option("--to", help="The end, in the same form; not included.")
    ] = "now",
    file: FileOption = None,
    assignments: SetOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Decide stored requests again, each on its own snapshot, and show the differences.

    --config uses that file's limits. --set changes single limits of each decision. Without both,
    each decision keeps its own limits, and any difference is a defect (exit status 1).
    """
    settings = settings_to_look(ctx, home)
    now = datetime.now(UTC)
    start, end = moment_of(since, now), moment_of(until, now)
    if start >= end:
        raise CommandError("--from must be before --to", ExitCode.USAGE)
    limits = _limits(settings, file, assignments or [])
    report = ReplayReport(start, end)
    with reading(settings.require_database_url()) as session:
        report.run(session, limits)
    facts: dict[str, Any] = report.facts()
    if as_json:
        print_json(facts)
    else:
        print_replay(stdout(), report)
    if file is None and not assignments and report.broken:
        raise typer.Exit(ExitCode.FAILED)


def _limits(settings: Settings, file: Path | None, assignments: list[str]) -> LimitsOf:
    if file is None and not assignments:
        return lambda recorded: recorded
    wanted = chosen_limits(settings, file, assignments)
    if file is not None:
        return lambda _: wanted
    with configuration_errors():
        return with_values(values_of(assignments), wanted)
