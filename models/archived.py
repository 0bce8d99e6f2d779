"""Which audit entries have their payload in an archive instead of the database.

An entry `audit_archived` declares the archive of one month: a file outside the database, its
SHA-256, the places of its entries, and a digest of what stays of them here. An archived entry keeps
everything but its payload, in whose place the month stands. The trigger of `audit_entry` takes this
one change, under the same conditions as `Archived`, and refuses every other.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

ARCHIVED = "audit_archived"
"""The kind of an entry that declares an archive."""
MINIMUM_MONTHS = 13
"""How old an entry must be before its payload may leave the database. A month is compared with the
same month of the year before, in reports and in questions about them, and both are then at hand."""
REMOVABLE = (
    "child_ended",
    "child_held",
    "child_not_taken",
    "child_outcome",
    "child_sending",
    "child_shrunk",
    "decision",
    "fee_priced",
    "fill",
    "order_at_exchange",
    "pace_changed",
    "parent_ended",
    "protective_stop_confirmed",
    "protective_stop_ended",
    "protective_stop_placed",
)
"""The kinds whose payload may leave the database: those of each trade, nearly all entries.

Nothing decides by the payload of an old one. States, limits, stages, recoveries and operators' acts
are read back, and stay for ever. The trigger has the same list."""
_OPERATORS = "operator:"
_KEY = "archived"
_MONTH = re.compile("20[0-9]{2}-(0[1-9]|1[0-2])")
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Declaration:
    """One archive, as the audit declares it."""

    seq: int
    """The place of the declaring entry in the global chain."""
    month: str
    file: str
    sha256: str
    begins: int
    """The first leaf of the archive."""
    ends: int
    """The leaf after its last one."""
    chains: Mapping[str, tuple[int, int]]
    """The first and the last place in each chain."""
    rest: str
    """The digest of what stays of its entries in the database (`models.transparency.archives`)."""

    def has_leaf(self, leaf: int) -> bool:
        """Whether the archive has this leaf."""
        return self.begins <= leaf < self.ends

    def to_payload(self) -> dict[str, Any]:
        """The payload of the declaring entry."""
        return {
            "month": self.month,
            "file": self.file,
            "sha256": self.sha256,
            "begins": self.begins,
            "ends": self.ends,
            "chains": {chain: list(places) for chain, places in self.chains.items()},
            "rest": self.rest,
        }

    @classmethod
    def of(cls, seq: int, payload: Mapping[str, Any]) -> "Declaration | None":
        """What an entry declares; None for one that declares nothing."""
        try:
            chains = {
                str(chain): (int(first), int(last))
                for chain, (first, last) in payload["chains"].items()
            }
            found = cls(
                seq,
                str(payload["month"]),
                str(payload["file"]),
                str(payload["sha256"]),
                int(payload["begins"]),
                int(payload["ends"]),
                chains,
                str(payload["rest"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            return None
        is_sound = (
            _MONTH.fullmatch(found.month)
            and _SHA256.fullmatch(found.sha256)
            and found.file == file_of(found.month)
        )
        return found if is_sound else None


def is_month(text: str) -> bool:
    """Whether a text names a month as `2026-01`."""
    return _MONTH.fullmatch(text) is not None


def file_of(month: str) -> str:
    """The name of a month's archive."""
    return f"audit-{month}.jsonl.gz"


def subject_of(month: str) -> str:
    """The subject of the entry that declares a month's archive."""
    return f"audit:{month}"


def mark_of(month: str) -> dict[str, Any]:
    """What stands in the place of an archived payload."""
    return {_KEY: month}


def month_in(payload: Mapping[str, Any]) -> str | None:
    """The month whose archive has the payload, by what stands in its place."""
    month = payload.get(_KEY) if len(payload) == 1 else None
    return month if isinstance(month, str) and _MONTH.fullmatch(month) else None


def may_leave(kind: str, actor: str) -> bool:
    """Whether the payload of such an entry may leave the database."""
    return kind in REMOVABLE and not actor.startswith(_OPERATORS)


def _every(_: Declaration) -> bool:
    return True


class Archived:
    """The archives that are declared. Nothing is read before an entry asks for one."""

    def __init__(self, session: Session, counts: Callable[[Declaration], bool] = _every) -> None:
        """`counts` says which declarations count, for a caller who can judge their signatures."""
        self._session, self._counts = session, counts

    @cached_property
    def all(self) -> tuple[Declaration, ...]:
        """The first declaration of each month that counts, in the order of the chain."""
        found: dict[str, Declaration] = {}
        for seq, payload in self._session.execute(_DECLARED):
            declared = Declaration.of(seq, payload)
            if declared is not None and self._counts(declared):
                found.setdefault(declared.month, declared)
        return tuple(found.values())

    def of(self, month: str) -> Declaration | None:
        """The archive of a month."""
        return next((each for each in self.all if each.month == month), None)

    def declared_for(
        self, place: tuple[str, int], kind: str, actor: str, payload: Mapping[str, Any]
    ) -> Declaration | None:
        """The archive that has the payload of the entry at this place of a chain."""
        month = month_in(payload)
        if month is None or not may_leave(kind, actor):
            return None
        found = self.of(month)
        if found is None:
            return None
        first, last = found.chains.get(place[0], (1, 0))
        return found if first <= place[1] <= last else None


# Literals, so that Postgres can use the partial index of this kind.
_DECLARED = text(
    """
    SELECT seq, payload FROM audit_entry
     WHERE kind = 'audit_archived' AND chain = 'global' ORDER BY seq
    """
)
