"""A change of the configuration: its values, its direction, and its record."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config.loading import from_mapping, nearest
from config.sections import DECLARED
from config.thresholds import ConfigError, MLRiskConfig
from models.documents.limits import ValueChange
from models.enums import Direction, VersionState
from models.tables import ConfigVersionRow


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the limits, as readers see it."""

    id: int
    state: VersionState
    direction: Direction
    changes: tuple[ValueChange, ...]
    proposed_by: str
    approved_by: str | None
    actor: str
    """The person or program that brought the version into its present state."""
    reason: str
    created_at: datetime
    changed_at: datetime
    sha256: str
    ineffective: tuple[str, ...] = ()
    """The limits that do not bite with this version. With any of them, trading was halted."""


def version_of(row: ConfigVersionRow, ineffective: tuple[str, ...] = ()) -> Version:
    """Reads a version of the limits from its row.

    `ineffective` names limits that let breaches pass.
    """
    return Version(
        id=row.id,
        state=row.state,
        direction=row.direction,
        changes=row.changes,
        proposed_by=row.proposed_by,
        approved_by=row.approved_by,
        actor=row.actor,
        reason=row.reason,
        created_at=row.created_at,
        changed_at=row.changed_at,
        sha256=row.sha256,
        ineffective=ineffective,
    )


def checked(
    changes: Mapping[str, Any], unset: Collection[str], override: Mapping[str, Any]
) -> dict[str, Any]:
    """The wished values by path, in their own types.

    Raises ConfigError with every unknown key (and the nearest one), wrong value and useless
    unset at once.
    """
    problems = [
        f"proposal: {path} is not overridden{nearest(path, override)}"
        for path in unset
        if path not in override
    ]
    problems += [f"proposal: {path} is both set and unset" for path in unset if path in changes]
    wished: dict[str, Any] = {}
    try:
        layer = from_mapping(changes, "proposal")
        wished = {path: plain(value) for path, (value, _) in layer.values.items()}
    except ConfigError as error:
        problems = [*error.problems, *problems]
    if problems:
        raise ConfigError(problems)
    return wished


def differences(
    before: MLRiskConfig, after: MLRiskConfig, *, unset: Collection[str] = ()
) -> tuple[ValueChange, ...]:
    """Every value that is not the same, in the order of paths."""
    return tuple(
        ValueChange(
            path,
            plain(before.value(path)),
            plain(after.value(path)),
            direction_of_value(path, before.value(path), after.value(path)),
            path in unset,
        )
        for path in sorted(before.origins)
        if before.value(path) != after.value(path)
    )


def direction_of_value(path: str, before: Any, after: Any) -> Direction:
    """Tightening where the key's sense makes that certain; else loosening."""
    tightens = DECLARED[path].tightens(before, after)
    return Direction.TIGHTENING if tightens else Direction.LOOSENING


def direction_of(changes: Sequence[ValueChange]) -> Direction:
    """The direction of all changes together: mixed when both directions are among them."""
    found = {change.direction for change in changes}
    return found.pop() if len(found) == 1 else Direction.MIXED


def plain(value: Any) -> Any:
    """The value in its JSON form: a tuple becomes a list."""
    return list(value) if isinstance(value, tuple) else value
