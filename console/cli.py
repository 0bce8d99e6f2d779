"""The `mlrisk` command: one verb per module below `console/commands/`, imported when it is used."""

import logging
import sys
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar

import typer

from console.errors import ExitCode, explain
from console.lazy import SETTINGS, LazyGroup, Verb
from console.options import HomeOption

EXIT_CODES = (
    "Exit status: 0 ok, 1 failed, 2 usage or configuration, 3 blocked by risk, 4 halted, "
    "5 a dependency is down, 130 Ctrl-C."
)

_VERBS: Mapping[str, Verb] = {
    "up": Verb(
        "system.up",
        "Start Postgres, Redis, the paper exchange, feed, workers, beat, Flower and a "
        "demo strategy.",
    ),
    "demo": Verb(
        "system.demo",
        "Start everything, let the demo strategy trade, then check, report and stop everything.",
    ),
    "down": Verb(
        "system.down",
        "Stop every process, strategies first and servers last. Nothing stored is lost.",
    ),
    "status": Verb("system.status", "Show processes, trading state, money and counts."),
    "screen": Verb(
        "system.screen",
        "Watch a running system; Ctrl-C closes the screen and leaves the system alone.",
    ),
    "web": Verb(
        "system.web",
        "Print the browser console's address, and in development a link that logs you in once.",
    ),
    "halt": Verb(
        "control.halt",
        "Halt trading: set the state, end entries under way, and prove that no more risk is added.",
    ),
    "resume": Verb(
        "control.resume",
        "Resume trading at full size after a halt. Outside development this takes a risk "
        "officer's login; in production `mlrisk recover` takes its place.",
    ),
    "recover": Verb(
        "control.recover",
        "Recover from a halt: show what will resume, then trade at 10, 25, 50 and 100 % of the "
        "size.",
    ),
    "submit": Verb(
        "trading.submit",
        "Store a request, and hand it to the validation worker.",
    ),
    "requests": Verb(
        "trading.requests",
        "List the newest requests, newest first; `mlrisk show REQUEST_ID` explains one.",
    ),
    "show": Verb(
        "trading.show",
        "Show a request, its decision with every check, the factors of its size, orders and fills.",
    ),
    "tca": Verb(
        "trading.tca",
        "Split the costs of trades into delay, trading, opportunity and fees, exact to "
        "the last digit.",
    ),
    "report": Verb("trading.report", "Report about a day.", is_group=True),
    "explain": Verb(
        "trading.explain",
        "Explain a decision: each check with value, limit, margin and data age; the size's "
        "factors.",
    ),
    "whatif": Verb(
        "trading.whatif",
        "Decide a request on the live market, portfolio and states, without storing anything.",
    ),
    "replay": Verb(
        "trading.replay",
        "Decide stored requests again, each on its own snapshot, and show the differences.",
    ),
    "blocks": Verb(
        "trading.blocks",
        "Count blocked requests by reason and by check, and hint at a check that blocks"
        " nearly all.",
    ),
    "metrics": Verb(
        "system.metrics",
        "Show approval and block rates, execution quality, breakers, stops and models since a "
        "moment.",
    ),
    "audit": Verb(
        "system.audit",
        "Verify the audit, search, export and archive it, and prove one entry to a third party.",
        is_group=True,
    ),
    "doctor": Verb(
        "system.doctor", "Check all invariants and all parts of the system, and name each fault."
    ),
    "selfassess": Verb(
        "system.selfassess",
        "Assess the controls of RTS 6, SEC 15c3-5, FIA 2024 and ESMA 2026: where each is enforced, "
        "the tests that prove it, their last result, and what the running system shows.",
    ),
    "migrate": Verb(
        "system.migrate",
        "Create or update the tables. Running it twice changes nothing.",
    ),
    "paper-exchange": Verb(
        "system.paper_exchange",
        "Run a server that answers like Bybit V5 (its options: mlrisk paper-exchange --help).",
    ),
    "schema": Verb("system.schema", "Print a published JSON Schema.", is_group=True),
    "volume": Verb(
        "trading.volume",
        "Train and show the volume models behind VWAP.",
        is_group=True,
    ),
    "config": Verb(
        "control.config",
        "Show, check and change the limits; changes are versions.",
        is_group=True,
    ),
    "limits": Verb(
        "control.limits",
        "Review the limits by what they decided, and list the reviews.",
        is_group=True,
    ),
    "order": Verb(
        "trading.order",
        "Pause, resume, cancel and list the orders being worked.",
        is_group=True,
    ),
    "breaker": Verb(
        "control.breaker",
        "List tripped breakers, reset one, and report how good they were.",
        is_group=True,
    ),
    "alert": Verb("control.alert", "List, show and acknowledge alerts.", is_group=True),
    "operator": Verb(
        "control.operator",
        "Add, list, disable and reset the operators who act with authority; verify their acts.",
        is_group=True,
    ),
    "token": Verb(
        "control.token",
        "Make, list and revoke the tokens by which programs use the REST interface.",
        is_group=True,
    ),
    "codes": Verb(
        "control.codes",
        "Draw, list and revoke the single-use codes that open a recovery.",
        is_group=True,
    ),
    "drill": Verb(
        "control.drill",
        "Rehearse the emergency stop or stress on a paper account, and list the last rehearsals.",
        is_group=True,
    ),
    "parked": Verb(
        "trading.parked",
        "List, release or end parked requests (failed validations) and trades set aside (failed "
        "steps).",
        is_group=True,
    ),
    "position": Verb(
        "trading.position",
        "List open positions, and adopt one that disagrees with the exchange.",
        is_group=True,
    ),
    "strategy": Verb(
        "control.strategy",
        "Add, list or remove strategies that may reach the embedded broker. Each "
        "enqueues requests and reads the answers to them, and nothing else. Show, promote or "
        "demote a strategy.",
        is_group=True,
    ),
}


_ALIASES: Mapping[str, str] = {"breakers": "breaker"}
"""Other words for a verb, which the list of verbs does not show."""


class _Verbs(LazyGroup):
    verbs: ClassVar[Mapping[str, Verb]] = _VERBS

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Takes another word for a verb as the verb itself."""
        meant = [_ALIASES.get(word, word) for word in args[:1]] + args[1:]
        return super().resolve_command(ctx, meant)


app = typer.Typer(name="mlrisk", cls=_Verbs, no_args_is_help=True, epilog=EXIT_CODES, **SETTINGS)


def _print_version(wanted: bool) -> None:
    if wanted:
        from console.version import version_line

        typer.echo(version_line())
        raise typer.Exit(ExitCode.OK)


@app.callback()
def _root(
    ctx: typer.Context,
    home: HomeOption = None,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """The risk gate and execution system between your models and the exchange.

    Start everything on this machine with [bold]mlrisk up[/bold], see a finite run with
    [bold]mlrisk demo --seconds 120[/bold].
    """
    # typer hands both to the verbs through the context.
    del home, version
    if ctx.invoked_subcommand != "paper-exchange":
        # The console reports everything itself; a library's log line would break the screen.
        logging.getLogger().addHandler(logging.NullHandler())


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit status; known errors become one line."""
    try:
        app(list(arguments), prog_name="mlrisk")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else ExitCode.FAILED
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except Exception as error:
        known = explain(error)
        if known is None:
            raise
        from console.foreign import visible

        sys.stderr.write(f"mlrisk: {visible(known.message)}\n")
        return known.exit_code
    return ExitCode.OK


def main() -> None:
    """Entry point of the `mlrisk` script."""
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
