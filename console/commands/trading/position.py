"""`mlrisk position`: what is open and protected, where the exchange contradicts our books, and an
operator's way to agree."""

from contextlib import closing
from typing import Annotated, Any

import typer

from bot.account.adoption import Adopter, Difference
from bot.clock import SystemClock
from bot.exchange import factory
from bot.execution.ports import Deps, DispatcherOnly
from console.context import acting, reading, settings_to_act, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stderr, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import ActorOption, ReasonOption
from console.runtime.halts.recovering import may_recover
from console.runtime.operator import task_queue
from console.views.live.open_positions import line_of, open_positions
from models.repositories.safety import disagreements
from models.tables import DisagreementRow

app = typer.Typer(
    no_args_is_help=True,
    help="List open positions, and adopt one that disagrees with the exchange.",
)


@app.command("list", epilog="Example: mlrisk position list --json")
def list_disagreements(
    ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False
) -> None:
    """List open positions with their stops, and positions that disagree with the exchange."""
    settings = settings_to_look(ctx, home)
    with reading(settings.require_database_url()) as session:
        found = disagreements.of_account(session, settings.account)
        held = open_positions(session, settings.account)
    if as_json:
        print_json({"positions": held, "disagreements": [_disagreement(row) for row in found]})
        return
    for facts in held:
        stdout().print(line_of(facts), markup=False)
    for row in found:
        stdout().print(
            f"{row.symbol}: ours {row.ours.normalize():f}, exchange {row.theirs.normalize():f}, "
            f"{row.readings} readings since {utc(row.since)}",
            markup=False,
        )
    if not found:
        stdout().print("every position agrees with the exchange")


@app.command(epilog='Example: mlrisk position adopt BTCUSDT --reason "older than our start"')
def adopt(
    ctx: typer.Context,
    symbol: Annotated[str, typer.Argument(help="The symbol, in the exchange's spelling.")],
    reason: ReasonOption,
    strategy: Annotated[
        str, typer.Option("--strategy", help="The strategy that gets it. Default: no strategy.")
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Ask nothing.")] = False,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make our ledger agree with the exchange's position, where no fill explains it.

    A row of its own records the adoption; no fill is invented. Afterwards the position counts like
    any other, and an emergency exit or the strategy of `--strategy` can close it. A breaker that
    tripped because of it stays tripped: `mlrisk breaker reset`.
    """
    settings, clock = settings_to_act(ctx, home), SystemClock()
    with acting(settings) as db, closing(factory.make_exchange(settings, clock)) as exchange:
        queue = task_queue(settings) or DispatcherOnly()
        deps = Deps(db, settings.account, clock, queue, exchange)
        adopter = Adopter(deps, free=may_recover(db, settings))
        seen = adopter.look(symbol)
        if seen.changes and not yes:
            _ask(seen)
        changed = with_authority(
            db,
            lambda by: adopter.adopt(seen, reason=reason, actor=by, strategy=strategy),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    if as_json:
        print_json(_facts(seen, changed))
    elif changed:
        stdout().print(f"{symbol} adopted: {_words(seen)}", markup=False)
    else:
        stdout().print(f"{symbol} agrees already; nothing was changed", markup=False)


def _disagreement(row: DisagreementRow) -> dict[str, Any]:
    return {
        "symbol": row.symbol,
        "ours": row.ours,
        "exchange": row.theirs,
        "readings": row.readings,
        "since": row.since,
    }


def _ask(seen: Difference) -> None:
    stderr().print(f"{seen.symbol}: {_words(seen)}", markup=False)
    if not typer.confirm("Make our ledger agree with the exchange?", err=True):
        raise CommandError("nothing was changed", ExitCode.FAILED)


def _words(seen: Difference) -> str:
    entry = "" if seen.entry_price is None else f" at {seen.entry_price.normalize():f}"
    return (
        f"{seen.before.normalize():f} by our books, {seen.after.normalize():f}{entry} by the "
        "exchange's"
    )


def _facts(seen: Difference, changed: bool) -> dict[str, Any]:
    return {
        "symbol": seen.symbol,
        "before": seen.before,
        "after": seen.after,
        "entry_price": seen.entry_price,
        "changed": changed,
    }
