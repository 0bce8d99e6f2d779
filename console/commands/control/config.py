"""`mlrisk config`: the limits in force, where each comes from, and how they are changed."""

from pathlib import Path
from typing import Annotated, Any

import typer

from bot.limits.changes import Version, differences
from console.context import settings_to_act, settings_to_look
from console.errors import CommandError, ExitCode
from console.options import HomeOption, JsonOption
from console.output import print_json, stdout
from console.runtime.authority import LoginFileOption, OperatorOption, with_authority
from console.runtime.configuring import (
    ActorOption,
    ReasonOption,
    configuration_errors,
    configuration_service,
    values_of,
)
from console.views.configuration import (
    configuration_facts,
    named_configuration,
    print_changes,
    print_configuration,
    print_history,
    print_version,
    problems_of,
    read_current,
    version_facts,
)
from models.documents.stored_form import to_json

app = typer.Typer(
    no_args_is_help=True, help="Show, check and change the limits; changes are versions."
)


@app.command(epilog="Example: mlrisk config show --origin")
def show(
    ctx: typer.Context,
    origin: Annotated[
        bool, typer.Option("--origin", help="Show where each value comes from.")
    ] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print every value in force: base, environment, mode, and the values set at run time.

    Without a running system these are the files' values.
    """
    with configuration_errors():
        config, known = read_current(settings_to_look(ctx, home))
    if as_json:
        print_json(configuration_facts(config, overrides_known=known))
    else:
        print_configuration(stdout(), config, origin=origin, overrides_known=known)


@app.command(epilog="Example: mlrisk config validate config/ml_risk_config.yaml")
def validate(
    file: Annotated[Path, typer.Argument(help="A configuration file (YAML).")],
    as_json: JsonOption = False,
) -> None:
    """Check a file in every environment and mode: keys, values, and the effect of each limit.

    Exit status 2 with every problem, its file and line.
    """
    problems, tried = problems_of(file)
    if as_json:
        print_json({"file": file, "valid": not problems, "problems": problems, "checked": tried})
    elif not problems:
        stdout().print(
            f"{file} is valid in {', '.join(tried)}; every limit is effective", markup=False
        )
    else:
        raise CommandError("\n".join(problems), ExitCode.USAGE)
    if problems:
        raise typer.Exit(ExitCode.USAGE)


@app.command(epilog="Example: mlrisk config diff files current")
def diff(
    ctx: typer.Context,
    before: Annotated[str, typer.Argument(help="A version, `files`, `current`, or a file.")],
    after: Annotated[str, typer.Argument(help="The other version or file, in the same form.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compare two configurations value by value, and show which differences loosen a limit."""
    settings = settings_to_look(ctx, home)
    with configuration_errors():
        first = named_configuration(settings, before)
        changes = differences(first, named_configuration(settings, after))
    if as_json:
        print_json({"from": before, "to": after, "changes": to_json(changes)})
    else:
        print_changes(stdout(), changes)


@app.command(epilog="Example: mlrisk config history --json")
def history(
    ctx: typer.Context,
    last: Annotated[int, typer.Option("--last", "-n", min=1, help="How many.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List the versions of this environment and mode, newest first."""
    with configuration_service(settings_to_look(ctx, home)) as (_, service):
        versions = service.history(last)
    if as_json:
        print_json({"versions": [version_facts(version) for version in versions]})
    else:
        print_history(stdout(), versions)


@app.command(
    epilog="Example: mlrisk config propose circuit_breakers.daily_loss_limit=0.01 -r 'rough week'"
)
def propose(
    ctx: typer.Context,
    reason: ReasonOption,
    assignments: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="section.key=value")
    ] = None,
    unset: Annotated[
        list[str] | None,
        typer.Option(
            "--unset", metavar="KEY", help=("Remove an override. The option may be repeated.")
        ),
    ] = None,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Change limits. Tightening acts at once; loosening in production waits for `approve`, and
    outside development it takes an operator's login. The command
    refuses another limits' file than that of the running workers (MLRISK_CONFIG_PATH).

    Exit status 4 when a limit of the new version is ineffective: that halts trading.
    """
    changes = values_of(assignments or [])
    with configuration_service(settings_to_act(ctx, home)) as (db, service):
        version = with_authority(
            db,
            lambda by: service.propose(changes, actor=by, reason=reason, unset=tuple(unset or ())),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    _tell(version, as_json=as_json)


@app.command(epilog="Example: mlrisk config approve 7")
def approve(
    ctx: typer.Context,
    version_id: Annotated[int, typer.Argument(metavar="ID", help="The proposed version.")],
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve another person's proposal. It acts at once. Takes a risk officer's login."""
    with configuration_service(settings_to_act(ctx, home)) as (db, service):
        version = with_authority(
            db,
            lambda by: service.approve(version_id, actor=by),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    _tell(version, as_json=as_json)


@app.command(epilog="Example: mlrisk config reject 7 -r 'not before the weekend'")
def reject(
    ctx: typer.Context,
    version_id: Annotated[int, typer.Argument(metavar="ID", help="The proposed version.")],
    reason: ReasonOption,
    actor: ActorOption = None,
    operator: OperatorOption = None,
    login_file: LoginFileOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Reject a proposal. It never acts. Outside development it takes an operator's login."""
    with configuration_service(settings_to_act(ctx, home)) as (db, service):
        version = with_authority(
            db,
            lambda by: service.reject(version_id, actor=by, reason=reason),
            operator=operator,
            login_file=login_file,
            note=actor,
        )
    _tell(version, as_json=as_json)


def _tell(version: Version, *, as_json: bool) -> None:
    facts: dict[str, Any] = version_facts(version)
    if as_json:
        print_json(facts)
    else:
        print_version(stdout(), version)
    if version.ineffective:
        raise typer.Exit(ExitCode.HALTED)
