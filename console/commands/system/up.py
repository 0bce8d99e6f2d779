"""`mlrisk up`: the whole system on this machine, with a live screen until Ctrl-C."""

from typing import Annotated

import typer

from console.context import chosen_home
from console.errors import ExitCode
from console.options import HomeOption
from console.output import stderr
from console.runtime.addresses import addresses
from console.runtime.signals import StopWish, stop_wish
from console.runtime.system import StartOptions, System, start
from console.screen.loop import watch
from console.screen.source import ViewSource

MarketOption = Annotated[
    str | None,
    typer.Option(
        "--market",
        metavar="SPEC",
        help="Market of the paper exchange: auto, bybit, binance, bars or synthetic.",
    ),
]


def register(app: typer.Typer) -> None:
    """Adds `mlrisk up` to the program."""
    app.command(epilog="Example: mlrisk up --home ./state --no-demo")(up)


def up(
    ctx: typer.Context,
    demo: Annotated[
        bool, typer.Option("--demo/--no-demo", help="Run the demo strategy as well.")
    ] = True,
    detach: Annotated[
        bool, typer.Option("--detach", help="Leave it running in the background.")
    ] = False,
    market: MarketOption = None,
    no_screen: Annotated[
        bool, typer.Option("--no-screen", help="Lines instead of the live screen.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Start Postgres, Redis, the paper exchange, feed, workers, beat, Flower and a demo strategy.

    Everything runs under one supervisor; Ctrl-C stops all of it. The state stays in the home, and
    the next start continues from it. With $MLRISK_DATABASE_URL or $MLRISK_REDIS_URL it uses your
    servers instead of its own.
    """
    say = stderr()
    with stop_wish() as wish:
        with wish.interrupting(), say.status("starting") as spinner:

            def progress(step: str) -> None:
                spinner.update(step)
                if not say.is_terminal:
                    say.print(step)

            options = StartOptions(demo=demo, market=market, detach=detach)
            system = start(chosen_home(ctx, home), options, progress)
        if detach:
            _say_where(system)
            return
        _run_until_stopped(system, wish, lines=no_screen)


def _say_where(system: System) -> None:
    out = stderr()
    out.print(f"running in {system.settings.home}, supervisor {system.supervisor.pid}")
    for name, address in addresses(system.settings, system.home.known_ports()).items():
        out.print(f"{name}: {address}")
    out.print("`mlrisk web` logs you in to the console in a browser")
    out.print("watch it with `mlrisk screen`, stop it with `mlrisk down`")


def _run_until_stopped(system: System, wish: StopWish, *, lines: bool) -> None:
    """Watches until a person stops the system, here or by `mlrisk down` elsewhere."""
    source = ViewSource(system.settings, addresses(system.settings, system.home.known_ports()))
    last = ""
    try:
        watch(
            source,
            stop=wish.event,
            until=lambda: not system.is_alive(),
            terminal=False if lines else None,
        )
        if system.is_alive():
            last = source.summary()
    finally:
        source.close()
        clean = stop_and_report(system, last)
    if not clean:
        raise typer.Exit(ExitCode.FAILED)


def stop_and_report(system: System, summary: str) -> bool:
    """Stops the system if it still runs; True if nothing had to be killed."""
    say = stderr()
    if not system.is_alive():
        stopped = system.was_stopped()
        how = "stopped elsewhere" if stopped else f"crashed; its logs are in {system.home.logs}"
        say.print(f"the supervisor has ended: {how}")
        return stopped
    clean = system.stop(lambda step: say.print(step))
    if summary:
        say.print(summary)
    say.print(
        "stopped cleanly" if clean else ("[red]stopped, but some processes had to be killed[/]")
    )
    return clean
