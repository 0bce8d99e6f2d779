"""`mlrisk selfassess`: controls that public texts ask for, with their last proof."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from config.settings import Settings
from console.context import settings_of
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout, write_atomically, writing
from console.selfassess import proofs
from console.selfassess.catalogue import catalogue
from console.selfassess.evidence import look
from console.selfassess.judging import Assessment, Verdict, judge
from console.selfassess.proofs import ProofFile
from console.views.assessment_html import assessment_html
from console.views.assessment_text import print_assessment


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
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Assess the controls of RTS 6, SEC 15c3-5, FIA 2024 and ESMA 2026: where each is enforced,
    the tests that prove it, their last result, and what the running system shows.

    It is no legal advice. Without results of tests a control is "not proven here"; without a
    running system its evidence says so. Exit status 0 when every control is proven, 1 when one has
    a gap or failed, 5 when a proof is not at hand. Controls that only persons can keep, and texts
    that are not at hand, change no exit status.
    """
    found = assess(settings_of(ctx, home), results, replay)
    if html is not None:
        with writing(html):
            write_atomically(html, assessment_html(found))
    if as_json:
        print_json(found.to_json())
    else:
        print_assessment(stdout(), found)
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
