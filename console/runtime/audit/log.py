"""The audit log for people: what is known outside the database, and proofs of single entries."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.risk import codec
from config.settings import Settings
from console.errors import CommandError
from models.audit import AuditDraft, content_of
from models.tables import AuditRow, DecisionRow
from models.transparency.checking import Evidence
from models.transparency.merkle import inclusion_proof
from models.transparency.offline_verifier import (
    FIELDS,
    FORMAT,
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
    require_proof,
)
from models.transparency.stored import StoredNodes, TornLogError, leaf_of
from models.transparency.submission import read, read_note
from tasks.bootstrap import audit_directories

VERIFIED = "audit-verified.json"
"""The file in the home with the newest head that `mlrisk audit verify` has found good."""


@dataclass(frozen=True, slots=True)
class Keys:
    """The public keys as lines of text; None where a process has not left its own yet."""

    log: str | None
    witness: str | None


@contextmanager
def _reading() -> Iterator[None]:
    """Raises CommandError for a file that can't be read, or can't be of the log or its witness."""
    try:
        yield
    except (OSError, ProofError) as error:
        raise CommandError(f"a file of the audit log can't be read: {error}") from None


def keys_of(settings: Settings) -> Keys:
    """The public keys of the log and its witness. Raises CommandError."""
    log, witness = audit_directories(settings)
    with _reading():
        return Keys(_line(log.key), _line(witness.key))


def evidence_of(settings: Settings) -> Evidence:
    """What log and witness have left outside the database. Raises CommandError.

    Read it before the database, which then has at least as much.
    """
    _, witness = audit_directories(settings)
    keys = keys_of(settings)
    with _reading():
        note, refusal = read_note(witness.cosigned), read(witness.refused)
        size = 0 if note is None else Checkpoint.parse(note.text).size
        return Evidence(
            None if keys.log is None else VerifierKey.parse(keys.log),
            None if keys.witness is None else VerifierKey.parse(keys.witness),
            note,
            witness.seen(size),
            refusal,
        )


def verified_before(settings: Settings) -> Checkpoint | None:
    """The newest head that a verification has found good; None without one that can be read."""
    try:
        found = json.loads((settings.home / VERIFIED).read_text(encoding="utf-8"))
        return Checkpoint.parse(str(found["checkpoint"]))
    except (OSError, ValueError, KeyError, TypeError, ProofError):
        return None  # everything is verified then


LeafOf = Callable[[AuditRow], str]
"""The leaf of an entry: its content as it was written."""


def leaf_in_database(row: AuditRow) -> str:
    """The leaf of an entry whose payload is in the database."""
    return content_of(AuditDraft(row.chain, row.kind, row.subject, row.actor, row.payload, row.at))


def prove(
    session: Session,
    settings: Settings,
    subject: str,
    kind: str,
    leaf_of_row: LeafOf = leaf_in_database,
) -> dict[str, Any]:
    """The proof of the newest entry of this kind about a subject, checked as a third party
    would check it. Raises CommandError when there is none yet."""
    keys = keys_of(settings)
    with _reading():
        checkpoint = read(audit_directories(settings)[1].cosigned)
    if checkpoint is None or keys.log is None or keys.witness is None:
        raise CommandError("the witness has signed nothing yet: it runs in the watchdog's process")
    row = session.scalar(
        select(AuditRow)
        .where(AuditRow.subject == subject, AuditRow.kind == kind)
        .order_by(AuditRow.at.desc(), AuditRow.seq.desc())
        .limit(1)
    )
    if row is None:
        raise CommandError(f"the audit has no {kind} of {subject}")
    try:
        size = Checkpoint.parse(Note.parse(checkpoint).text).size
        leaf = leaf_of(session, row.chain, row.seq)
        if leaf is None or leaf >= size:
            raise CommandError("the witness has not signed this entry yet: try again in seconds")
        content = leaf_of_row(row)
        proof = {
            "format": FORMAT,
            **_proof(session, content, leaf, size),
            "documents": _documents(session, row),
            "checkpoint": checkpoint,
        }
        require_proof(proof, VerifierKey.parse(keys.log), VerifierKey.parse(keys.witness))
    except (ProofError, TornLogError) as error:
        raise CommandError(f"this entry can't be proven, because {error}") from None
    return proof


def _proof(session: Session, content: str, leaf: int, size: int) -> dict[str, Any]:
    path = inclusion_proof(StoredNodes(session), leaf, size)
    return {
        "entry": dict(zip(FIELDS, json.loads(content), strict=True)),
        "leaf": content,
        "leaf_index": leaf,
        "inclusion_proof": [base64.b64encode(each).decode() for each in path],
    }


def _documents(session: Session, row: AuditRow) -> dict[str, str]:
    """The documents that an entry names by their SHA-256."""
    if row.kind != "decision":
        return {}
    decision = session.scalar(
        select(DecisionRow.decision).where(DecisionRow.request_id == row.subject)
    )
    return {} if decision is None else {"decision": codec.canonical_bytes(decision).decode()}


def _line(path: Path) -> str | None:
    found = read(path)
    return None if found is None else found.strip()
