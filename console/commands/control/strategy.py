"""`mlrisk strategy`: the strategies that may reach the embedded broker, each with its own URL."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import typer
from sqlalchemy.exc import SQLAlchemyError

from bot.decision import signing
from bot.errors import MlriskError, Refused
from bot.execution.orders.identity import strategy_tag
from config.settings import Settings
from console.context import settings_of
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout
from console.runtime import staging
from console.views import strategies as views
from console.views.live.quota_use import QuotaUse, quota_uses, quota_words
from models.messages import is_identifier
from workers import strategies
from workers.home import Home
from workers.supervision.topology import MESSAGE_KEY

app = typer.Typer(
    no_args_is_help=True,
    help="Add, list or remove strategies that may reach the embedded broker. Each enqueues "
    "requests and reads the answers to them, and nothing else. Show, promote or demote a strategy.",
)
staging.register(app)

NameArgument = Annotated[
    str, typer.Argument(help="Lower-case letters, digits, - and _; 32 at the most.")
]
_LATER = "The embedded broker does not run. Its next start applies this change."


@app.command(epilog="Example: mlrisk strategy add momentum")
def add(
    ctx: typer.Context,
    name: NameArgument,
    home: HomeOption = None,
    url: Annotated[
        bool, typer.Option("--url", help="Print the URL itself, which holds the password.")
    ] = False,
) -> None:
    """Add a strategy and print the path of a file with its broker's URL.

    Only the owner can read the file (mode 0600). It follows the broker's port. A running system
    knows the strategy at once. A known strategy keeps its password; remove and add it for another
    one. If requests are signed, its key is written as well (`mlrisk strategy key`).
    """
    place = _embedded(ctx, home)
    changed = strategies.add(place, name)
    shown = changed.url_file.read_text(encoding="utf-8") if url else str(changed.url_file)
    stdout().print(shown, markup=False, soft_wrap=True)
    settings = settings_of(ctx, home)
    if _master(settings, place) is not None:
        written = strategies.write_key(place, name, _key_line(settings, place, name))
        stderr().print(f"its key for signing: {written}", markup=False, soft_wrap=True)
    if not changed.at_once:
        stderr().print(_LATER)


@app.command(epilog="Example: mlrisk strategy key momentum --generation 2")
def key(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="The strategy's name in its messages.")],
    generation: Annotated[
        int | None,
        typer.Option(
            "--generation",
            min=1,
            help=("The generation of a new key, after the former key was lost."),
        ),
    ] = None,
    show: Annotated[
        bool, typer.Option("--show", help="Print the key itself, and write no file.")
    ] = False,
    home: HomeOption = None,
) -> None:
    """Write the key with which a strategy signs its requests, and print the path of its file.

    Only the owner can read the file (mode 0600). The same name and generation give the same key.
    MLRISK_MESSAGE_KEY_GENERATIONS sets the oldest generation of a strategy's key that counts.
    """
    settings = settings_of(ctx, home)
    place = _home(settings)
    line = _key_line(settings, place, name, generation)
    if show:
        stdout().print(line, markup=False, soft_wrap=True)
        return
    place.create()
    stdout().print(str(strategies.write_key(place, name, line)), markup=False, soft_wrap=True)


@app.command("list", epilog="Example: mlrisk strategy list --json")
def list_strategies(
    ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List the strategies that were added, the files with their URLs, and their use of quotas.
    Then those that have a row, with stage, caps and last drill."""
    settings = settings_of(ctx, home)
    place = _home(settings)
    rows = _rows(settings)
    files = {name: str(strategies.url_file(place, name)) for name in strategies.names_of(place)}
    uses = _quota_uses(settings, files)
    if as_json:
        tags = {name: strategy_tag(name) for name in files}
        more = {"rows": rows, "quotas": uses}
        known = {name: found for name, found in more.items() if found}
        print_json({"strategies": files, "tags": tags, **known})
        return
    for name, path in files.items():
        line = "  ".join(filter(None, (name, path, quota_words(uses.get(name)))))
        stdout().print(line, markup=False, soft_wrap=True)
    if not files:
        stderr().print("No strategy was added.")
    for row in rows.values():
        stdout().print(views.line(row), markup=False, soft_wrap=True)


@app.command(epilog="Example: mlrisk strategy remove momentum")
def remove(ctx: typer.Context, name: NameArgument, home: HomeOption = None) -> None:
    """Remove a strategy and end its connections.

    Its earlier requests are still decided and traded. `mlrisk halt` stops them.
    """
    changed = strategies.remove(_embedded(ctx, home), name)
    stdout().print(f"{name} can't reach the broker any more", markup=False)
    if not changed.at_once:
        stderr().print(_LATER)


@app.command(epilog="Example: mlrisk strategy acl momentum")
def acl(name: NameArgument) -> None:
    """Print the command that makes a strategy's user on your own Redis (MLRISK_REDIS_URL).

    Replace PASSWORD by a password, and run the command in redis-cli as a user with the right to
    change users.
    """
    stdout().print(strategies.rules_for_another_server(name), markup=False, soft_wrap=True)


def _rows(settings: Settings) -> dict[str, dict[str, Any]]:
    """The strategies with a row. If they can't be read, the result is empty and a message says
    so."""
    try:
        return staging.rows_of(settings)
    except (MlriskError, SQLAlchemyError) as error:
        stderr().print(f"The rows of strategies can't be read: {error}", markup=False)
        return {}


def _quota_uses(settings: Settings, names: Iterable[str]) -> dict[str, QuotaUse]:
    """The use of quotas by strategy. If it can't be read, the result is empty and a message says
    so."""
    try:
        return quota_uses(settings, names)
    except (MlriskError, SQLAlchemyError) as error:
        stderr().print(f"The use of quotas can't be read: {error}", markup=False)
        return {}


def _master(settings: Settings, home: Home) -> str | None:
    """The master secret of the strategies' keys; None where requests are not signed."""
    if settings.message_key is not None:
        return settings.message_key.get_secret_value()
    # A production home holds the secret even while its system is down.
    return home.secret(MESSAGE_KEY) if (home.secrets / MESSAGE_KEY).exists() else None


def _key_line(settings: Settings, home: Home, name: str, generation: int | None = None) -> str:
    if not is_identifier(name):
        raise Refused(f"no message can name this strategy: {name!r}")
    master = _master(settings, home)
    if master is None:
        raise Refused(
            "requests are not signed here: set MLRISK_MESSAGE_KEY, or start a production system"
        )
    return signing.key_line(master, name, generation or settings.oldest_generations.get(name, 1))


def _embedded(ctx: typer.Context, chosen: Path | None) -> Home:
    """The home, if its broker is the embedded one. Raises Refused otherwise."""
    settings = settings_of(ctx, chosen)
    home = _home(settings)
    if settings.redis_url is not None:
        at = urlsplit(settings.redis_url.get_secret_value())
        if at.hostname != "127.0.0.1" or at.port != home.known_ports().get("redis"):
            raise Refused(
                "this system uses your own Redis (MLRISK_REDIS_URL), so you create its users "
                "yourself: `mlrisk strategy acl NAME` prints the command"
            )
    home.create()
    return home


def _home(settings: Settings) -> Home:
    return Home(settings.home)
