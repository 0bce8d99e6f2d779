"""`mlrisk drill`: rehearses the emergency stop and stress on a paper account, and lists what was
rehearsed."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from bot.authority.actors import Actor
from bot.clock import SystemClock
from bot.safety.emergency import drills
from bot.safety.stress_load import Load
from console.context import acting, settings_to_act, settings_to_look
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, utc
from console.runtime.authority import LoginFileOption, OperatorOption, logged_in
from console.runtime.configuring import actor_of
from console.runtime.halts.drilling import PROOFS, DrillEnd, HaltDrill
from console.runtime.halts.recovering import tell
from console.runtime.peak_figures import figures_of, last_peaks, peak_facts, read_figures
from console.runtime.stressing import StressDrill, Window, admission_of
from console.views.stress_report import print_stress, stress_line
from models.tables import DrillRow

app = typer.Typer(
    no_args_is_help=True,
    help="Rehearse the emergency stop or stress on a paper account, and list the last rehearsals.",
)


@app.command(epilog="Example: mlrisk drill halt --resume")
def halt(
    ctx: typer.Context,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="The reason. It is recorded.")
    ] = "rehearsal",
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Resume trading afterwards; takes the authority of `mlrisk resume`."
        ),
    ] = False,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Run the whole emergency stop on a paper account: halt, cancel, flatten, verify, preview.

    It closes every position of the paper account, and leaves the system halted unless --resume is
    given. The report is stored. Exit status 1 when something was not proven, 4 when the
    system is still halted although --resume was given. What is left to do is printed, and after a
    resume what still denies entries.
    """
    settings = settings_to_act(ctx, home)
    with acting(settings) as db:
        actor: Actor = actor_of(None)
        if operator is not None or login_file is not None:
            actor = logged_in(db, operator, login_file)
        drill = HaltDrill(db, settings, SystemClock())
        drill.require_possible(actor, resume=resume)
        end = drill.run(reason, actor, resume=resume)
    if as_json:
        print_json(end.facts())
    else:
        _print(end)
    if not end.passed:
        raise typer.Exit(ExitCode.FAILED)
    if resume and not end.resumed:
        raise typer.Exit(ExitCode.HALTED)


@app.command(epilog="Example: mlrisk drill stress --peaks production.json")
def stress(
    ctx: typer.Context,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="The reason. It is recorded.")
    ] = "stress test",
    peaks_file: Annotated[
        Path | None,
        typer.Option(
            "--peaks",
            metavar="FILE",
            help="What `mlrisk drill peaks --json` printed for another system; the larger figures "
            "count.",
            show_default=False,
        ),
    ] = None,
    seconds: Annotated[
        float,
        typer.Option("--seconds", min=1, max=60, help="Over this time the messages are offered."),
    ] = 60.0,
    patience_seconds: Annotated[
        float,
        typer.Option(
            "--patience-seconds",
            min=1,
            max=3600,
            help="How much longer it waits for decisions, orders and volume.",
        ),
    ] = 120.0,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Test a paper account with twice the messages, orders and volume of the busiest minute.

    The busiest minute is that of the last six months by the rows; without a history stated defaults
    stand in. Most messages are entries that the gate denies; the volume is bought and sold again.
    The report is stored. Exit status 1 when a decision is missing, the load was not reached, or an
    invariant is violated.
    """
    settings = settings_to_act(ctx, home)
    other = None if peaks_file is None else read_figures(peaks_file)
    with acting(settings) as db:
        actor: Actor = actor_of(None)
        if operator is not None or login_file is not None:
            actor = logged_in(db, operator, login_file)
        test = StressDrill(db, settings, SystemClock(), admission_of(db, settings))
        test.require_possible()
        with db.reading() as session:
            own = figures_of(last_peaks(session, settings.account))
        load = Load.of(own if other is None else own.with_most_of(other))
        end = test.run(load, Window(seconds, patience_seconds), reason, actor)
    if as_json:
        print_json({"drill": end.number, "passed": end.passed, **end.report})
    else:
        print_stress(stdout(), end.number, end.report)
    if not end.passed:
        raise typer.Exit(ExitCode.FAILED)


@app.command(epilog="Example: mlrisk drill peaks --json > production.json")
def peaks(ctx: typer.Context, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Show the busiest minutes of the last six months: messages, orders sent, and volume traded.

    A stress test on another system takes them by `mlrisk drill stress --peaks FILE`.
    """
    settings = settings_to_look(ctx, home)
    with acting(settings) as db, db.reading() as session:
        facts = peak_facts(last_peaks(session, settings.account))
    if as_json:
        print_json(facts)
        return
    for name, unit in (("received", "messages"), ("sent", "orders sent"), ("volume", "traded")):
        minute = facts[name]["minute"]
        at = "no history" if minute is None else f"in the minute from {utc(minute)} on"
        stdout().print(f"{facts[name]['most']} {unit}: {at}", markup=False)


@app.command("list", epilog="Example: mlrisk drill list --json")
def list_drills(
    ctx: typer.Context,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, help="How many, newest first.")
    ] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the last drills and stress tests, newest first: when, by whom, and what they showed."""
    settings = settings_to_look(ctx, home)
    with acting(settings) as db, db.reading() as session:
        rows = drills.newest(session, settings.account, limit)
    if as_json:
        print_json({"drills": [_facts(row) for row in rows]})
        return
    for row in rows:
        stdout().print(_line(row), markup=False)
    if not rows:
        stdout().print("there was no drill yet: `mlrisk drill halt` runs one", markup=False)


def _facts(row: DrillRow) -> dict[str, object]:
    return {
        "drill": row.drill_id,
        "kind": row.kind,
        "began_at": row.began_at,
        "ended_at": row.ended_at,
        "actor": row.actor,
        "passed": row.passed,
        "report": row.report,
    }


def _line(row: DrillRow) -> str:
    verdict = "passed" if row.passed else "FAILED"
    is_stress = row.kind == drills.STRESS
    told = stress_line(row.report) if is_stress else _times(row.report.get("seconds", {}))
    return f"{row.drill_id}: {row.kind} at {utc(row.began_at)} by {row.actor}: {verdict}; {told}"


def _print(end: DrillEnd) -> None:
    out = stdout()
    verdict = "[green]passed[/]" if end.passed else "[red]FAILED[/]"
    out.print(f"drill {end.number} {verdict}: {_times(end.seconds)}")
    flat = end.outcome.flat
    report = end.outcome.report
    out.print(
        f"{report.parents_stopped} orders under way ended, {report.orders_cancelled} working "
        f"orders cancelled, {0 if flat is None else len(flat.requests)} exits asked for, "
        f"{0 if flat is None else flat.stops_cancelled} protective stops cancelled last"
    )
    for problem in (*report.problems, *(() if flat is None else flat.problems)):
        out.print(f"[red]problem[/]: {escape(problem)}")
    for line in end.preview.resumes:
        out.print(f"a recovery would resume: {escape(line)}")
    for line in end.preview.stays:
        out.print(f"a recovery would leave: {escape(line)}")
    if end.trades:
        out.print("[bold]ACTIVE[/]: the drill is over, and trading goes on")
    elif end.resumed:
        out.print("the drill is over and its halt has ended")
        tell(end.still_denying)
    else:
        out.print(f"the system stays halted: {escape(end.kept_halted or '')}")
    for line in end.left_to_do:
        out.print(f"left to do: {escape(line)}")


def _times(seconds: dict[str, float | None]) -> str:
    known = [(name, seconds.get(name)) for name in PROOFS]
    return ", ".join(
        f"{name} {'not proven' if value is None else f'after {value:.3f} s'}"
        for name, value in known
    )
