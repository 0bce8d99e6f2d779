"""`mlrisk selfassess`: controls that public texts ask for, with their last proof."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.authority.actors import Actor, Power, require
from bot.safety import assurance
from bot.state import binding
from config.settings import Settings
from console.context import acting, settings_of, settings_to_act, settings_to_look
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, write_atomically, writing
from console.runtime.assurance_reports import keep, show_last
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.selfassess import proofs
from console.selfassess.catalogue import catalogue
from console.selfassess.evidence import look
from console.selfassess.judging import Assessment, Verdict, judge
from console.selfassess.proofs import ProofFile
from console.views.assessment_html import assessment_html
from console.views.assessment_text import print_assessment
from models.database import Database
from models.tables import AssuranceReportRow

_SHOWN_REPORTS = 10


def register(app: typer.Typer) -> None:
    """Adds `mlrisk selfassess` to the program."""
    app.command(epilog="Example: mlrisk selfassess --html assessment.html")(selfassess)


def selfassess(
    ctx: typer.Context,
    results: Annotated[
        Path | None,
        typer.Option(
            "--results",
            metavar="FILE",
            help="Results of our tests (default: build/proofs.json of the checkout, if it is "
            "there).",
            show_default=False,
        ),
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one HTML page here.")
    ] = None,
    replay: Annotated[
        int, typer.Option("--replay", min=0, help="How many decisions are replayed, newest first.")
    ] = 1_000,
    record: Annotated[
        bool,
        typer.Option(
            "--record", help="Store the report with an audit entry; takes a risk officer's login."
        ),
    ] = False,
    history: Annotated[
        bool, typer.Option("--history", help="List the last reports that were recorded instead.")
    ] = False,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Assess the controls of RTS 6, SEC 15c3-5, FIA 2024 and ESMA 2026: where each is enforced,
    the tests that prove it, their last result, and what the running system shows.

    It is no legal advice. Without results of tests a control is "not proven here"; without a
    running system its evidence says so. Exit status 0 when every control is proven, 1 when one has
    a gap or failed, 5 when a proof is not at hand. Controls that only persons can keep, and texts
    that are not at hand, change no exit status. With --record the exit status is the same.
    """
    if history:
        without = "none was recorded yet: `mlrisk selfassess --record` does it"
        show_last(
            settings_to_look(ctx, home),
            assurance.SELF_ASSESSMENT,
            _SHOWN_REPORTS,
            without,
            as_json=as_json,
        )
        return
    settings = settings_to_act(ctx, home) if record else settings_of(ctx, home)
    found = assess(settings, results, replay)
    stored = None
    if record:
        with acting(settings) as db:
            stored = with_authority(
                db,
                lambda by: _store(db, settings, found, by),
                operator=operator,
                login_file=login_file,
            )
    if html is not None:
        with writing(html):
            write_atomically(html, assessment_html(found))
    if as_json:
        recorded = {} if stored is None else {"report": stored.report_id, "actor": stored.actor}
        print_json({**found.to_json(), **recorded})
    else:
        print_assessment(stdout(), found)
        if stored is not None:
            stdout().print(f"stored as report {stored.report_id} by {stored.actor}", markup=False)
    status = exit_status(found)
    if status:
        raise typer.Exit(status)


def assess(settings: Settings, results: Path | None, replay: int) -> Assessment:
    """Judges the whole catalogue by the results of tests and by the system of the settings."""
    texts = catalogue()
    file = results or proofs.default_file()
    known = ProofFile() if file is None else proofs.read(file)
    wanted = {kind for text in texts for control in text.controls for kind in control.evidence}
    running = look(settings, wanted, replay=replay)
    revision = proofs.revision_of(proofs.SOURCE)
    return Assessment(
        datetime.now(UTC),
        running.not_running().words if running.missing else f"account {settings.account}",
        "none: this is no checkout with results of tests" if file is None else str(file),
        revision,
        judge(texts, known, running, revision),
    )


def exit_status(found: Assessment) -> int:
    """The exit status: a failure or a gap outweighs a proof that is not at hand."""
    if found.rows(Verdict.FAILED, Verdict.GAP):
        return ExitCode.FAILED
    if found.rows(Verdict.NOT_PROVEN):
        return ExitCode.DEPENDENCY_DOWN
    return ExitCode.OK


def _store(db: Database, settings: Settings, found: Assessment, actor: Actor) -> AssuranceReportRow:
    """Stores the report. Raises NotAuthorised outside development without a risk officer's
    login."""
    with db.reading() as session:
        is_free = binding.is_free(session, settings)
    if not is_free:
        require(actor, Power.RECORD_ASSESSMENT, "recording a self-assessment")
    kind = assurance.SELF_ASSESSMENT
    return keep(db, settings, kind, found.at, found.to_json(), actor)
