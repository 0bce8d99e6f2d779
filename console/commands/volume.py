"""`mlrisk volume`: trains the volume models behind VWAP, and shows the stored ones."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from console.context import HomeOption, JsonOption, chosen_home
from console.errors import CommandError, ExitCode
from console.output import print_json, stderr, stdout, utc, write_atomically

if TYPE_CHECKING:
    from bot.market.volume.store import StoredModels

FILE_NAME = "volume_models.json"

app = typer.Typer(no_args_is_help=True, help="Train and show the volume models behind VWAP.")

FileOption = Annotated[
    Path | None,
    typer.Option(
        "--out", help=f"The models' file (default: {FILE_NAME} in the home).", show_default=False
    ),
]


@app.command(epilog="Example: mlrisk volume train --bars recordings/bybit_linear_1m_20250530")
def train(
    ctx: typer.Context,
    bars: Annotated[
        Path, typer.Option("--bars", help="Folder of SYMBOL_1m.csv or SYMBOL_1m.csv.gz files.")
    ],
    out: FileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Learn three volume models from one-minute bars and store them.

    The errors are measured on the last third of the bars with models that have not seen it; what
    is stored is then fitted on all bars.
    """
    from bot.market.volume.curve import NotEnoughBars
    from bot.market.volume.files import read_folder
    from bot.market.volume.store import dumps, loads
    from bot.market.volume.training import train as fit

    path = _file(ctx, home, out)
    panel = read_folder(bars)
    try:
        trained = fit(panel)
    except NotEnoughBars as error:
        raise CommandError(f"{bars}: {error}", ExitCode.USAGE) from error
    text = dumps(trained)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, text)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}") from error
    stderr().print(f"stored in {path}")
    _report(loads(text), path, as_json)


@app.command(epilog="Example: mlrisk volume show --json")
def show(
    ctx: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option(
            "--file",
            help=f"The models' file (default: {FILE_NAME} in the home).",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Training window, age and tracking errors of the stored models; exit status 1 when stale."""
    from bot.market.volume.store import load

    path = _file(ctx, home, file)
    stored = load(path)
    if _report(stored, path, as_json)["stale"]:
        raise CommandError("the models are stale and will be refused: run `mlrisk volume train`")


def _file(ctx: typer.Context, home: Path | None, named: Path | None) -> Path:
    if named is not None:
        return named
    from config.settings import load_settings

    return load_settings(chosen_home(ctx, home)).home / FILE_NAME


def _report(stored: "StoredModels", path: Path, as_json: bool) -> dict[str, Any]:
    from bot.market.volume.store import MAX_AGE

    age = stored.age(datetime.now(UTC))
    facts: dict[str, Any] = {
        "file": path,
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


def _summary(stored: "StoredModels") -> dict[str, dict[str, dict[str, Any]]]:
    """Window -> model -> mean over symbols, cut against static, symbols worse than TWAP."""
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


def _print(stored: "StoredModels", facts: dict[str, Any]) -> None:
    from rich.table import Table

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
