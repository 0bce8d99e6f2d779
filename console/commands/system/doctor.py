"""`mlrisk doctor`: the ten invariants against the exchange's own record, and health."""

from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.markup import escape

from config.settings import Settings
from console.context import settings_of
from console.errors import ExitCode
from console.invariants import InvariantResult
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.examination import examine
from console.runtime.health import HealthCheck, check_health
from console.views.report import invariant_facts

_SHOWN = 5


def register(app: typer.Typer) -> None:
    """Adds `mlrisk doctor` to the program."""
    app.command(epilog="Example: mlrisk doctor --json")(doctor)


def doctor(
    ctx: typer.Context,
    replay: Annotated[
        int, typer.Option("--replay", min=0, help="How many decisions are replayed, newest first.")
    ] = 10_000,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check all invariants and all parts of the system, and name each fault.

    Exit status 0 when all is well. 1 when an invariant is broken or something is in a bad state
    (a tripped breaker, a stuck order, a refused symbol, limits without effect). 5 when the only
    fault is that something is away: a server, process, stream or market, or the paper exchange's
    journal, without which I1 and I4 are not checked. A line `warn` changes no exit status.
    """
    settings = settings_of(ctx, home)
    health = check_health(settings)
    # Without Postgres there are no rows to examine; the health line says so.
    reachable = all(check.ok for check in health if check.name == "postgres")
    results = examine(settings, newest_decisions=replay) if reachable else []
    if as_json:
        print_json(_facts(health, results))
    else:
        _print(health, results)
    status = exit_status(health, results, settings)
    if status:
        raise typer.Exit(status)


def exit_status(
    health: Sequence[HealthCheck], results: Sequence[InvariantResult], settings: Settings
) -> int:
    """The exit status. A broken part outweighs a silent one; 0 when all was checked and is
    well."""
    ill = [check for check in health if not check.ok]
    if any(result.violations for result in results) or any(not check.down for check in ill):
        return ExitCode.FAILED
    # Only a paper exchange gives us its journal.
    paper = settings.exchange_mode == "paper"
    if ill or (paper and not all(result.checked for result in results)):
        return ExitCode.DEPENDENCY_DOWN
    return 0


def _facts(health: list[HealthCheck], results: list[InvariantResult]) -> dict[str, Any]:
    return {
        "health": {
            check.name: {
                "ok": check.ok,
                "down": check.down and not check.ok,
                "warning": check.warning,
                "detail": check.detail,
            }
            for check in health
        },
        "invariants": invariant_facts(results),
    }


def _mark(check: HealthCheck) -> str:
    if not check.ok:
        return f"[red]{'down' if check.down else 'BAD '}[/]"
    return "[yellow]warn[/]" if check.warning else "[green]ok[/]  "


def _print(health: list[HealthCheck], results: list[InvariantResult]) -> None:
    out = stdout()
    for check in health:
        out.print(f"{_mark(check)} {escape(check.name)}: {escape(check.detail)}")
    for result in results:
        if not result.checked:
            mark = "[yellow]not checked (the exchange's journal is not in this home)[/]"
        else:
            mark = "[green]ok[/]" if result.holds else "[red]VIOLATED[/]"
        out.print(f"{result.name} {result.title}: {mark}")
        for violation in result.violations[:_SHOWN]:
            out.print(f"   {escape(violation)}")
        if len(result.violations) > _SHOWN:
            out.print(f"   and {len(result.violations) - _SHOWN} more (--json has all)")
