"""Hands the audit log's checkpoints to the witness, and hears what the witness says.

The two share no database: the log writes a file that the witness reads, and the other way round.
"""

import json
from dataclasses import dataclass

from sqlalchemy.orm import Session

from bot import failpoints
from config.private_files import write_private
from models.tables import AuditTreeRow
from models.transparency.merkle import consistency_proof
from models.transparency.offline_verifier import Checkpoint, Note, ProofError, VerifierKey
from models.transparency.stored import StoredNodes, leaf_hashes, newest_tree, tree_up_to
from models.transparency.submission import (
    LogDirectory,
    Submission,
    WitnessDirectory,
    read,
    read_note,
)

SPAN = 20_000
"""The most leaves of one submission, more than those of a batch."""
_SHOWN = 300


@dataclass
class Outbox:
    """Writes submissions of one log for one witness. Raises OSError where a file can't be."""

    own: LogDirectory
    witness: WitnessDirectory
    key: VerifierKey
    _submitted: tuple[int, str] | None = None

    def publish_key(self) -> None:
        """Leaves the log's public key where the witness and people find it."""
        if read(self.own.key) != f"{self.key}\n":
            write_private(self.own.key, f"{self.key}\n")

    def submit(self, session: Session) -> str | None:
        """Submits the newest checkpoint that the witness has not signed; returns what is wrong
        between the two, which stops what adds risk."""
        try:
            note = read_note(self.witness.cosigned)
            signed = None if note is None else Checkpoint.parse(note.text)
            refusal = read(self.witness.refused)
            newest = newest_tree(session)
            fork = None if signed is None else _fork(session, signed, newest)
        except ProofError as error:
            return f"what the witness says can't be read: {error}"
        size = 0 if signed is None else signed.size
        if newest is not None and (fork is not None or newest.size > size):
            near = tree_up_to(session, size + SPAN)
            self._write(session, size, near if near and near.size > size else newest)
        return fork if refusal is None else f"the witness refuses the audit log: {_why(refusal)}"

    def _write(self, session: Session, signed: int, target: AuditTreeRow) -> None:
        if self._submitted == (signed, target.note):
            return
        proof: list[bytes] = []
        if 0 < signed < target.size:
            proof = consistency_proof(StoredNodes(session), signed, target.size)
        leaves = tuple(leaf_hashes(session, signed, target.size))
        text = Submission(signed, target.note, tuple(proof), leaves).to_text()
        write_private(self.own.submission, text)
        failpoints.hit(failpoints.AFTER_SUBMISSION)
        self._submitted = (signed, target.note)


def _fork(session: Session, signed: Checkpoint, newest: AuditTreeRow | None) -> str | None:
    """What is wrong with the log beside the newest head that the witness has signed. Raises
    ProofError."""
    size = 0 if newest is None else newest.size
    if size < signed.size:
        return f"the witness has signed {signed.size} audit entries, and the log has {size}"
    row = session.get(AuditTreeRow, signed.size)
    if row is None or Checkpoint.parse(Note.parse(row.note).text).root != signed.root:
        return f"the log's first {signed.size} entries are not those that the witness has signed"
    return None


def _why(refusal: str) -> str:
    """The reason in the witness' file, whatever the file has."""
    try:
        return str(json.loads(refusal)["why"])[:_SHOWN]
    except (ValueError, KeyError, TypeError):
        return "its file can't be read"
