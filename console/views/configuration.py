"""Configurations and their versions as plain facts and as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from bot.limits.changes import Version
from bot.limits.selftest import prove
from bot.limits.source import LayeredConfig, limits_of
from config.loading import ConfigError, Origin, read
from config.schema import RESERVED_NOTE
from config.sections import DECLARED, RESERVED
from config.settings import Settings
from config.thresholds import MLRiskConfig, MLRiskConfigManager
from console.errors import CommandError, ExitCode
from console.output import utc
from console.runtime.configuring import chosen_configuration, configuration_service
from models.documents.limits import ValueChange
from models.documents.stored_form import to_json
from models.enums import Direction, VersionState
from models.repositories.configurations import FILES_VERSION

_STYLES = {Direction.TIGHTENING: "green", Direction.LOOSENING: "yellow", Direction.MIXED: "yellow"}


def read_current(settings: Settings) -> tuple[MLRiskConfig, bool]:
    """The configuration in force, and whether a system runs here. Otherwise the files alone
    count."""
    if settings.database_url is None:
        return LayeredConfig(settings).build(), False
    with configuration_service(settings) as (_, service):
        return service.current(), True


def named_configuration(settings: Settings, name: str) -> MLRiskConfig:
    """`files`, `current`, a version's number, or a path; raises CommandError for anything else."""
    if name == "files" or name == str(FILES_VERSION):
        return LayeredConfig(settings).build()
    if name == "current":
        return read_current(settings)[0]
    if name.isdecimal():
        with configuration_service(settings) as (_, service):
            return service.at(int(name))
    if not Path(name).exists():
        raise CommandError(
            f"{name!r} is neither a version, `files`, `current`, nor a file", ExitCode.USAGE
        )
    return chosen_configuration(settings, Path(name), ())


def problems_of(file: Path) -> tuple[list[str], list[str]]:
    """Every problem of a file once, and the environments and modes in which it was tried."""
    try:
        document = read(file)
    except ConfigError as error:
        return list(error.problems), []
    if document.problems:
        return list(document.problems), []
    found: dict[str, None] = {}
    tried = []
    for environment in document.names("environments"):
        for mode in document.names("modes"):
            tried.append(f"{environment}/{mode}")
            try:
                config = MLRiskConfigManager(file, environment, mode).get_config()
                ineffective = prove(limits_of(config))
                found |= dict.fromkeys(f"{environment}/{mode}: {text}" for text in ineffective)
            except ConfigError as error:
                found |= dict.fromkeys(error.problems)
    if not tried:
        found[f"{file}: it needs at least one environment and one mode"] = None
    return list(found), tried


def configuration_facts(config: MLRiskConfig, *, overrides_known: bool) -> Mapping[str, Any]:
    """The configuration as plain values, each with the file and line that it comes from."""
    return {
        "environment": config.environment,
        "mode": config.trading_mode,
        "version": config.version,
        "overrides_known": overrides_known,
        "values": config.to_dict(),
        "origins": {path: str(origin) for path, origin in config.origins.items()},
        "units": {path: declared.unit for path, declared in DECLARED.items() if declared.unit},
        "reserved": RESERVED,
    }


def version_facts(version: Version) -> dict[str, Any]:
    """A version as plain values: changes, state, and the persons behind it."""
    return {
        "version": version.id,
        "state": version.state,
        "direction": version.direction,
        "changes": to_json(version.changes),
        "proposed_by": version.proposed_by,
        "approved_by": version.approved_by,
        "actor": version.actor,
        "reason": version.reason,
        "created_at": version.created_at,
        "changed_at": version.changed_at,
        "sha256": version.sha256,
        "toothless": version.ineffective,
    }


def print_configuration(
    out: Console, config: MLRiskConfig, *, origin: bool, overrides_known: bool
) -> None:
    """Prints every key with its value and, if asked, its origin."""
    out.print(
        f"[bold]{escape(config.environment)}[/], {escape(config.trading_mode)}, "
        f"version {config.version}" + (" (the files)" if config.version == FILES_VERSION else "")
    )
    if not overrides_known:
        out.print("[yellow]no system runs here[/]: the values set at run time are not known")
    if origin:
        for folder in sorted({str(Path(o.place.file).parent) for o in config.origins.values()}):
            out.print(f"files are in {escape(folder)}", soft_wrap=True)
    table = Table("key", "value", "unit", *(["origin"] if origin else []), "", box=None)
    for path, declared in DECLARED.items():
        cells = [path, _text(config.value(path)), declared.unit]
        cells += [_origin(config.origins[path])] if origin else []
        table.add_row(*map(escape, [*cells, RESERVED_NOTE if declared.reserved else ""]))
    out.print(table)


def _origin(origin: Origin) -> str:
    """Layer, file name and line; a whole path would be broken where the column ends."""
    return str(replace(origin, place=replace(origin.place, file=Path(origin.place.file).name)))


def print_changes(out: Console, changes: Sequence[ValueChange]) -> None:
    """Prints each changed key with its value before and after, and the direction."""
    if not changes:
        out.print("no difference")
        return
    table = Table("key", "before", "after", "which is", "", box=None)
    for change in changes:
        table.add_row(
            escape(change.path),
            escape(_text(change.before)),
            escape(_text(change.after)),
            f"[{_STYLES[change.direction]}]{change.direction}[/]",
            RESERVED_NOTE if change.path in RESERVED else "",
        )
    out.print(table)


def print_history(out: Console, versions: Sequence[Version]) -> None:
    """Prints the versions that were made at run time."""
    if not versions:
        out.print("nothing was changed at run time: version 1, from the files, is in force")
        return
    table = Table(
        "version", "state", "since", "proposed by", "approved by", "changes", "reason", box=None
    )
    for version in versions:
        table.add_row(
            str(version.id),
            f"[bold]{version.state}[/]" if version.state is VersionState.ACTIVE else version.state,
            utc(version.changed_at),
            escape(version.proposed_by),
            escape(version.approved_by or ""),
            escape("; ".join(_change(change) for change in version.changes)),
            escape(version.reason),
        )
    out.print(table)


def print_version(out: Console, version: Version) -> None:
    """Prints the outcome of a change for its author."""
    print_changes(out, version.changes)
    if version.state is VersionState.PROPOSED:
        out.print(
            f"version {version.id} loosens limits of production and [bold]waits[/]: a second "
            f"person runs `mlrisk config approve {version.id}`"
        )
    elif version.state is VersionState.REJECTED:
        out.print(f"version {version.id} is rejected")
    else:
        agreed = f", approved by {escape(version.approved_by)}" if version.approved_by else ""
        out.print(f"version {version.id} is [bold]in force[/] within a second{agreed}")
    for problem in version.ineffective:
        out.print(f"[red]HALTED[/]: {escape(problem)}")


def _change(change: ValueChange) -> str:
    return f"{change.path} {_text(change.before)} -> {_text(change.after)}"


def _text(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else f"{value:.15g}"
