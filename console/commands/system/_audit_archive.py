"""`mlrisk audit archive`: moves payloads of old entries into a file that verifies by itself."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.safety.audit.archiving import Plan
from console.context import settings_to_act, settings_to_look
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.audit.archives import Login, archive, archiver_of
from console.runtime.authority import LoginFileOption, OperatorOption


def archive_month(
    ctx: typer.Context,
    month: Annotated[str, typer.Option("--month", help="The month, as 2025-01.")],
    to: Annotated[Path, typer.Option("--to", help="The directory of the archives.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")
    ] = False,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Move the payloads of an old month's entries into a file that verifies by itself.

    Every hash stays, and so do the entries without their payload: all proofs hold. A month can
    be archived 13 months after its end. States, limits and operators' acts keep
    their payload. Repeating the command goes on where it ended. Outside development it takes an
    operator's login.
    """
    if dry_run:
        with archiver_of(settings_to_look(ctx, home)) as (_, archiver):
            plan = archiver.plan(month)
        facts = {"month": month, "dry_run": True, **_planned(plan)}
    else:
        login = Login(operator, login_file)
        plan, declared, removed = archive(settings_to_act(ctx, home), month, to, login)
        facts = {"month": month, "dry_run": False, **_planned(plan), "removed": removed}
        facts |= {"file": to / declared.file, "sha256": declared.sha256}
    if as_json:
        print_json(facts)
        return
    out = stdout()
    kept = plan.entries - plan.leaving
    out.print(
        f"{month}: {plan.entries} entries from leaf {plan.span.begins} on, {kept} of which keep "
        f"their payload; {plan.left} payloads {'are' if dry_run else 'were'} in the database",
        markup=False,
    )
    if not dry_run:
        out.print(
            f"{facts['removed']} payloads left the database; {facts['file']}, sha256 "
            f"{facts['sha256']}",
            markup=False,
            soft_wrap=True,
        )


def _planned(plan: Plan) -> dict[str, Any]:
    return {
        "first_leaf": plan.span.begins,
        "entries": plan.entries,
        "leaving": plan.leaving,
        "in_database": plan.left,
        "archived_before": plan.declared is not None,
    }
