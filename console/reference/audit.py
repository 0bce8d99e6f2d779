"""The page of the kinds of audit entries, from their table."""

from collections.abc import Iterator

from console.reference.markdown import code, head, table
from models.alerts.words import SENTENCES
from models.archived import REMOVABLE
from models.audit_kinds import KINDS, SECTIONS, AuditKind

_HEAD = (
    f"The [audit](../audit.md) has {len(KINDS)} kinds of entries. Each entry has its chain, its "
    "place there, a time, a subject, an actor and a payload. An act of an operator who has logged "
    "in has the field `signed` in its payload as well, with the operator's signature. "
    "`mlrisk audit search --kind KIND` finds the entries of a kind.",
    "*alert*: entries of this kind alert people ([conditions of alerts](alerts.md)), some kinds "
    "only in some cases. *archive*: the payload may leave the database after 13 months "
    "([archives](../audit.md#archives-of-old-months)).",
)


def text() -> str:
    """The page as it must be."""
    return "\n".join(
        (
            head("Kinds of audit entries", *_HEAD),
            *(f"## {title}\n\n{_table(kinds)}" for title, kinds in SECTIONS.items()),
        )
    )


def _table(kinds: tuple[AuditKind, ...]) -> str:
    return table(("Kind", "Written when", "Subject", "Fields", "Also"), map(_row, kinds))


def _row(kind: AuditKind) -> tuple[str, str, str, str, str]:
    fields = ", ".join(code(field) for field in kind.fields)
    return code(kind.name), kind.when, kind.subject, fields, ", ".join(_also(kind.name))


def _also(name: str) -> Iterator[str]:
    if name in SENTENCES:
        yield "alert"
    if name in REMOVABLE:
        yield "archive"
