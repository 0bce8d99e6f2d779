"""`mlrisk volume`: trains the volume models behind VWAP, and shows the stored ones."""

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.table import Table

from bot.clock import SystemClock
from bot.exchange import factory
from bot.market.volume import MODELS_FILE
from bot.market.volume.curve import NotEnoughBars
from bot.market.volume.files import read_folder
from bot.market.volume.panel import Panel
from bot.market.volume.reading import read_exchange
from bot.market.volume.store import MAX_AGE, StoredModels, dumps, load, loads
from bot.market.volume.training import train as fit
from config.settings import Settings
from console.context import acting, reading, settings_of, settings_to_act
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, utc, write_atomically
from console.runtime.configuring import actor_of
from models.repositories import volume_models

DEFAULT_DAYS = 14
"""Two weeks hold two weekends. Models are good for a week, so older bars say less. Unit: days."""

app = typer.Typer(no_args_is_help=True, help="Train and show the volume models behind VWAP.")

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Store them in this file instead of the system's database (without a system: "
        f"{MODELS_FILE} in the home).",
        show_default=False,
    ),
]


@app.command(epilog="Example: mlrisk volume train --from-exchange --days 14")
def train(
    ctx: typer.Context,
    bars: Annotated[
        Path | None,
        typer.Option(
            "--bars",
            help="Folder of SYMBOL_1m.csv or SYMBOL_1m.csv.gz files.",
            show_default=False,
        ),
    ] = None,
    from_exchange: Annotated[
        bool,
        typer.Option("--from-exchange", help=("Read the minute bars from the exchange instead.")),
    ] = False,
    days: Annotated[
        int,
        typer.Option("--days", min=1, max=365, help=("How many days back, with --from-exchange.")),
    ] = DEFAULT_DAYS,
    symbols: Annotated[
        str | None,
        typer.Option(
            "--symbols",
            help="BTCUSDT,ETHUSDT with --from-exchange (default: MLRISK_SYMBOLS).",
            show_default=False,
        ),
    ] = None,
    out: FileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Train three volume models on one-minute bars and store them.

    The errors are measured on the last third of the bars, with models that have not seen it. The
    stored models are then fitted on all bars. Live orders refuse models with bars that end more
    than a week ago.
    """
    if (bars is None) == (not from_exchange):
        raise CommandError("name one source: --bars FOLDER or --from-exchange", ExitCode.USAGE)
    settings = settings_of(ctx, home)
    if out is None and settings.database_url is not None:
        # Checked before the work: a caller with another identity than the database's stores
        # nothing.
        settings = settings_to_act(ctx, home)
    if bars is not None:
        panel, source = read_folder(bars), str(bars)
    else:
        panel, source = _from_exchange(settings, days, symbols), "the exchange"
    try:
        trained = fit(panel)
    except NotEnoughBars as error:
        raise CommandError(f"{source}: {error}", ExitCode.USAGE) from error
    text = dumps(trained)
    place = _store(settings, out, text, source)
    stderr().print(f"stored in {place}")
    _report(loads(text), place, as_json)


def _store(settings: Settings, out: Path | None, text: str, source: str) -> str:
    """Stores the models in the chosen system's database for all its machines, or in a file."""
    if out is None and settings.database_url is not None:
        return _store_row(settings, text, source)
    path = out or settings.home / MODELS_FILE
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from error
    return str(path)


def _store_row(settings: Settings, text: str, source: str) -> str:
    now = datetime.now(UTC)
    with acting(settings) as db, db.unit_of_work() as uow:
        number = volume_models.add(uow.session, text, source=source, at=now)
        uow.audit(
            settings.account,
            "volume_models_stored",
            str(number),
            actor_of(None),
            {"source": source, "sha256": sha256(text.encode()).hexdigest()},
            now,
        )
        uow.commit()
    return f"the database (volume model {number})"


def _from_exchange(settings: Settings, days: int, symbols: str | None) -> Panel:
    """Reads bars from the exchange and reports it on stderr: 14 days of 7 symbols take 150
    requests."""
    chosen = settings.symbol_list
    if symbols is not None:
        chosen = tuple(part.strip().upper() for part in symbols.split(",") if part.strip())
    if not chosen:
        raise CommandError("--symbols names none", ExitCode.USAGE)
    said = stderr()
    said.print(f"reading up to {days} days of {', '.join(chosen)} from the exchange")
    exchange = factory.make_exchange(settings, SystemClock())
    try:
        now = datetime.now(UTC)
        return read_exchange(exchange, chosen, now - timedelta(days=days), now, said.print)
    finally:
        exchange.close()


@app.command(epilog="Example: mlrisk volume show --json")
def show(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help="Show this file instead of the system's database (without a system: "
            f"{MODELS_FILE} in the home).",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show training window, age and errors of the stored models. Exit status 1 when stale."""
    stored, place = _stored(settings_of(ctx, home), file)
    if _report(stored, place, as_json)["stale"]:
        raise CommandError("the models are stale and will be refused: run `mlrisk volume train`")


def _stored(settings: Settings, file: Path | None) -> tuple[StoredModels, str]:
    """The models of the named file, else those that the system's orders use, with their place."""
    if file is None and settings.database_url is not None:
        with reading(settings.require_database_url()) as session:
            newest = volume_models.newest_id(session)
            if newest is not None:
                text = volume_models.document(session, newest)
                return loads(text), f"the database (volume model {newest})"
    path = file or settings.home / MODELS_FILE
    return load(path), str(path)


def _report(stored: StoredModels, place: str, as_json: bool) -> dict[str, Any]:
    age = stored.age(datetime.now(UTC))
    facts: dict[str, Any] = {
        "place": place,
        "window_start": stored.window_start,
        "window_end": stored.window_end,
        "tested_from": stored.tested_from,
        "symbols": list(stored.symbols),
        "models": sorted(stored.parameters),
        "age_days": round(age / timedelta(days=1), 2),
        "stale": age > MAX_AGE,
        "mean_absolute_error_bps": stored.errors,
        "summary": _summary(stored),
    }
    if as_json:
        print_json(facts)
    else:
        _print(stored, facts)
    return facts


def _summary(stored: StoredModels) -> dict[str, dict[str, dict[str, Any]]]:
    """For each window and model: the mean error over symbols, the cut against the static model, and
    the symbols that are worse than TWAP."""
    summary: dict[str, dict[str, dict[str, Any]]] = {}
    for window, by_model in sorted(stored.errors.items(), key=lambda one: int(one[0])):
        static, twap = by_model["static"], by_model["twap"]
        summary[window] = {
            name: {
                "mean_bps": round(sum(errors.values()) / len(errors), 4),
                "cut_vs_static": round(1 - sum(errors.values()) / sum(static.values()), 4),
                "worse_than_twap": sorted(s for s, e in errors.items() if e > twap[s]),
            }
            for name, errors in by_model.items()
        }
    return summary


def _print(stored: StoredModels, facts: dict[str, Any]) -> None:
    out = stdout()
    out.print(
        f"trained on {utc(stored.window_start)} to {utc(stored.window_end)} "
        f"({facts['age_days']} days ago{', STALE' if facts['stale'] else ''}): "
        f"{', '.join(stored.symbols)}"
    )
    out.print(
        f"tracking error against the market's VWAP, unseen bars from {utc(stored.tested_from)}"
    )
    table = Table("window", "model", "mean absolute, bps", "cut vs static", "worse than TWAP")
    for window, by_model in facts["summary"].items():
        for name, one in by_model.items():
            table.add_row(
                f"{window} min",
                name,
                f"{one['mean_bps']:.2f}",
                f"{one['cut_vs_static']:.1%}",
                ", ".join(one["worse_than_twap"]) or "-",
            )
    out.print(table)
