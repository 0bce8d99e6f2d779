"""`mlrisk demo`: a finite run of the whole system that ends with a report."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from console.commands.system.up import MarketOption
from console.context import chosen_home
from console.errors import CommandError, ExitCode
from console.options import HomeOption
from console.output import stderr, stdout, to_json, write_atomically, writing
from console.runtime.addresses import addresses
from console.runtime.finite_run import began, conclude, drain, trading_is_off
from console.runtime.signals import StopWish, stop_wish
from console.runtime.system import StartOptions, System, memory_by_process, start
from console.screen.loop import watch
from console.screen.source import ViewSource
from console.views.report import passed
from console.views.summary import print_summary


def register(app: typer.Typer) -> None:
    """Adds `mlrisk demo` to the program."""
    app.command(epilog="Example: mlrisk demo --seconds 120 --json report.json")(demo)


def demo(
    ctx: typer.Context,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=86_400, help="How long the strategy trades.")
    ] = 120.0,
    json_path: Annotated[
        Path | None, typer.Option("--json", metavar="PATH", help="Write the report here.")
    ] = None,
    market: MarketOption = None,
    no_screen: Annotated[
        bool, typer.Option("--no-screen", help="Lines instead of the live screen.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Start everything, let the demo strategy trade, then check, report and stop everything.

    Exit status 0 only if all invariants hold, checked against the exchange's own record, and
    every process stopped when asked to.
    """
    if json_path is not None and not json_path.absolute().parent.is_dir():
        raise CommandError(f"{json_path.parent} is not a directory", ExitCode.USAGE)
    with stop_wish() as wish:
        report = _run(chosen_home(ctx, home), seconds, market, wish, lines=no_screen)
    print_summary(stdout(), report)
    if json_path is not None:
        with writing(json_path):
            write_atomically(json_path, to_json(report) + "\n")
    if wish.event.is_set():
        raise typer.Exit(ExitCode.INTERRUPTED)
    if not passed(report):
        raise typer.Exit(ExitCode.FAILED)


def _run(
    home: Path | None, seconds: float, market: str | None, wish: StopWish, *, lines: bool
) -> dict[str, Any]:
    say = stderr()

    def progress(step: str) -> None:
        say.print(step)

    started = datetime.now(UTC)
    with wish.interrupting():
        system = start(home, StartOptions(demo=True, market=market), progress)
    try:
        since = began(system.settings)
        if (warning := trading_is_off(system.settings)) is not None:
            progress(warning)
        _watch(system, seconds, wish, lines=lines)
        memory_mb = memory_by_process(system)
        left = drain(system, progress)
        if not left.nothing:
            progress(f"still unfinished: {left}")
        return conclude(system, since, memory_mb, left, progress, started=started)
    finally:
        # Nothing that we started stays behind, even after a failure above.
        if system.is_alive():
            system.stop(progress)


def _watch(system: System, seconds: float, wish: StopWish, *, lines: bool) -> None:
    source = ViewSource(system.settings, addresses(system.settings, system.home.known_ports()))
    deadline = time.monotonic() + seconds
    try:
        watch(
            source,
            stop=wish.event,
            until=lambda: time.monotonic() >= deadline or not system.is_alive(),
            terminal=False if lines else None,
            note=lambda: f"demo: {max(0.0, deadline - time.monotonic()):.0f} s left",
        )
    finally:
        source.close()
    if not system.is_alive():
        raise CommandError(
            f"the supervisor ended before the run did; its log is in {system.home.logs}"
        )
