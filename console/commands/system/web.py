"""`mlrisk web`: tells where the browser console is, and lets this machine's user in."""

import typer

from bot.clock import SystemClock
from console.context import acting, settings_to_act
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime import web_link
from console.runtime.addresses import CONSOLE, addresses
from console.runtime.halts.recovering import may_recover
from console.screen.source import process_status
from workers.home import Home
from workers.supervision.programs.consoles import WEB


def register(app: typer.Typer) -> None:
    """Adds `mlrisk web` to the program."""
    app.command(epilog="Example: mlrisk web --json | jq -r .link")(web)


def web(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Print the browser console's address, and in development a link that logs you in once.

    Elsewhere an operator logs in (`mlrisk operator add` makes one).
    """
    settings = settings_to_act(ctx, home)
    place = Home(settings.home)
    if not any(process.name == WEB for process in process_status(settings)):
        raise CommandError(
            f"no browser console runs in {settings.home}: `mlrisk up` starts one where the extra "
            "`web` is installed (pip install 'mlrisk[web]')",
            ExitCode.DEPENDENCY_DOWN,
        )
    address = addresses(settings, place.known_ports())[CONSOLE]
    with acting(settings) as db:
        free = may_recover(db, settings)
    link = None
    if free:
        token = web_link.draw(place.secret(web_link.KEY), SystemClock().now())
        link = f"{address}/enter?token={token}"
    if as_json:
        print_json({"address": address, "link": link})
        return
    out = stdout()
    if link is None:
        out.print(
            f"{address}: log in as an operator (`mlrisk operator add` makes one)", markup=False
        )
    else:
        minutes = int(web_link.LIFETIME.total_seconds() // 60)
        out.print(f"{link}\ngood once and for {minutes} minutes", markup=False, soft_wrap=True)
