"""`mlrisk screen`: attaches the live screen to a running system."""

import threading
from typing import Annotated

import typer

from console.context import settings_of
from console.options import HomeOption
from console.runtime.addresses import addresses
from console.screen.loop import print_frame, watch
from console.screen.source import ViewSource
from workers.home import Home


def register(app: typer.Typer) -> None:
    """Adds `mlrisk screen` to the program."""
    app.command(epilog="Example: mlrisk screen --once > frame.txt")(screen)


def screen(
    ctx: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Print one frame and end.")] = False,
    home: HomeOption = None,
) -> None:
    """Watch a running system; Ctrl-C closes the screen and leaves the system alone.

    Without a terminal it prints a line every five seconds.
    """
    settings = settings_of(ctx, home)
    source = ViewSource(settings, addresses(settings, Home(settings.home).known_ports()))
    try:
        if once:
            print_frame(source)
        else:
            watch(source, stop=threading.Event())
    finally:
        source.close()
