"""Draws frames until it is told to stop: a full screen on a terminal, lines everywhere else."""

import sys
import threading
from collections.abc import Callable

from rich.console import Console
from rich.live import Live

from console.foreign import SafeConsole
from console.screen.layout import compose
from console.screen.lines import line
from console.screen.source import ViewSource

FRAME_SECONDS = 0.5
LINE_SECONDS = 5.0
_PAGE = (120, 40)


def watch(
    source: ViewSource,
    *,
    stop: threading.Event,
    until: Callable[[], bool] = lambda: False,
    terminal: bool | None = None,
    note: Callable[[], str] = lambda: "",
) -> None:
    """Returns when `stop` is set or `until` says so. KeyboardInterrupt passes through."""
    console = SafeConsole(highlight=False)
    full = terminal if terminal is not None else console.is_terminal and sys.stdin.isatty()
    if full:
        _draw(console, source, stop, until, note)
    else:
        _print_lines(source, stop, until)


def print_frame(source: ViewSource) -> None:
    """One whole frame on stdout, in the terminal's size or in 120x40 where there is none."""
    console = SafeConsole(highlight=False)
    width, height = console.size if console.is_terminal else _PAGE
    page = SafeConsole(highlight=False, width=width, height=height)
    page.print(compose(source.read(), width, height), height=height)


def _draw(
    console: Console,
    source: ViewSource,
    stop: threading.Event,
    until: Callable[[], bool],
    note: Callable[[], str],
) -> None:
    with Live(console=console, screen=True, auto_refresh=False) as screen:
        while not stop.is_set() and not until():
            width, height = console.size
            frame = compose(source.read(), width, height, note=note())
            screen.update(frame, refresh=True)
            stop.wait(FRAME_SECONDS)


def _print_lines(source: ViewSource, stop: threading.Event, until: Callable[[], bool]) -> None:
    waited = LINE_SECONDS
    while not stop.is_set() and not until():
        if waited >= LINE_SECONDS:
            sys.stdout.write(line(source.read()) + "\n")
            sys.stdout.flush()
            waited = 0.0
        stop.wait(FRAME_SECONDS)
        waited += FRAME_SECONDS
