"""Verifies the stored audit against its log, the log's signature and what the witness has seen.

Entries are recomputed from their content. What doesn't fit is compared hash by hash, so that the
damaged entry and the kind of damage are named.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.audit import all_chains, chained_hash, content, problems_of_end
from models.transparency.differences import Damage
from models.transparency.merkle import Frontier, root_at
from models.transparency.naming import Fault, of_chain, of_log
from models.transparency.offline_verifier import (
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
    leaf_hash,
)
from models.transparency.stored import StoredNodes, TornLogError, newest_tree

PAGE = 5_000
"""The leaves that are read at once."""


@dataclass(frozen=True)
class Evidence:
    """What is known outside the database: keys, the newest cosigned checkpoint, and the hashes that
    the witness has seen. A part that is missing proves nothing."""

    log_key: VerifierKey | None = None
    witness_key: VerifierKey | None = None
    cosigned: Note | None = None
    leaves: Sequence[bytes] = ()
    refusal: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """The result of one verification; it holds when there are no faults."""

    begins: int
    """The number of leaves before it that an earlier verification had found good."""
    head: Checkpoint | None
    """The log's newest head; None for an audit without a log."""
    entries: int
    """The number of entries that were recomputed."""
    waiting: int
    """The number of entries that have no place in the log yet."""
    witnessed: int
    """The size of the newest checkpoint that the witness has signed."""
    faults: tuple[Fault, ...]


@dataclass
class _Scan:
    """One pass over the leaves and their entries."""

    frontier: Frontier
    evidence: Evidence
    mark: int
    """The size at which the root is remembered."""
    root_at_mark: bytes | None = None
    suspected: set[str] = field(default_factory=set)
    """The chains with an entry that doesn't fit."""
    contradicts_witness: bool = False
    _last: dict[str, str] = field(default_factory=dict)

    def take(self, session: Session) -> None:
        """Reads all leaves from the frontier on."""
        while True:
            bounds = {"begin": self.frontier.size, "end": self.frontier.size + PAGE}
            rows: Any = session.execute(_LEAVES, bounds).all()
            for row in rows:
                self._take(row)
            if len(rows) < PAGE:
                return

    def _take(self, row: Any) -> None:
        leaf, chain, seq, hashed, at, kind, subject, actor, payload, prev, own = row
        place = self.frontier.size
        if leaf != place:
            raise TornLogError(f"the audit log lacks leaf {place}")
        if own is None:
            self.suspected.add(chain)
        else:
            written = content(chain, at, kind, subject, actor, json.loads(payload))
            if (
                leaf_hash(written.encode()) != hashed
                or chained_hash(prev, seq, chain, written) != own
                or self._last.get(chain, prev) != prev
            ):
                self.suspected.add(chain)
            self._last[chain] = own
        known = self.evidence.leaves
        if place < len(known) and known[place] != hashed:
            self.contradicts_witness = True
        self.frontier.append(hashed)
        if self.frontier.size == self.mark:
            self.root_at_mark = self.frontier.root()


_LEAVES = text(
    """
    SELECT leaf.leaf, leaf.chain, leaf.seq, leaf.hash, entry.at, entry.kind, entry.subject,
           entry.actor, CAST(entry.payload AS text), entry.prev_hash, entry.hash
      FROM audit_leaf leaf
      LEFT JOIN audit_entry entry ON entry.chain = leaf.chain AND entry.seq = leaf.seq
     WHERE leaf.leaf >= :begin AND leaf.leaf < :end ORDER BY leaf.leaf
    """
)


def check(session: Session, evidence: Evidence, since: Checkpoint | None = None) -> Report:
    """Verifies the audit on one snapshot of the database: everything, or what follows the head
    `since`, which an earlier verification has found good.

    When the log no longer begins with `since`, everything is verified.
    """
    faults = list(_of_past(session, since))
    begins = 0 if since is None or faults else since.size
    cosigned = _cosigned(evidence, faults)
    mark = 0 if cosigned is None else cosigned.size
    nodes = StoredNodes(session)
    scan = _Scan(Frontier.of(nodes, begins), evidence, mark)
    try:
        if 0 < mark <= begins:
            scan.root_at_mark = root_at(nodes, mark)
        scan.take(session)
    except TornLogError as error:
        faults.append(Fault(Damage.DELETED, None, None, None, str(error)))
    scan.suspected |= set(_miscounted(session))
    for chain in sorted(scan.suspected):
        faults += of_chain(session, chain)
    if scan.contradicts_witness or scan.frontier.size < len(evidence.leaves):
        faults += of_log(session, evidence.leaves)
    head = _head(session, evidence, scan.frontier, faults)
    if cosigned is not None and scan.root_at_mark != cosigned.root:
        said = f"the log's first {mark} entries have another root than the witness has signed"
        faults.append(Fault("forked", None, None, None, said))
    for chain in all_chains(session):
        faults += [
            Fault(Damage.TRUNCATED, chain, None, None, said)
            for said in problems_of_end(session, chain)
        ]
    waiting = session.execute(_WAITING).scalar_one()
    read = scan.frontier.size - begins
    return Report(begins, head, read, waiting, mark, tuple(faults))


_WAITING = text("SELECT (SELECT count(*) FROM audit_entry) - (SELECT count(*) FROM audit_leaf)")


def _of_past(session: Session, since: Checkpoint | None) -> Iterator[Fault]:
    """The fault of a log that no longer begins as it did."""
    if since is None or since.size == 0:
        return
    try:
        known = root_at(StoredNodes(session), since.size)
    except TornLogError as error:
        yield Fault(Damage.TRUNCATED, None, None, None, str(error))
        return
    if known != since.root:
        said = f"the log's first {since.size} entries are not those that were verified before"
        yield Fault("forked", None, None, None, said)


def _cosigned(evidence: Evidence, faults: list[Fault]) -> Checkpoint | None:
    """The newest head that the witness has signed."""
    if evidence.refusal is not None:
        said = f"the witness refuses the log: {evidence.refusal}"
        faults.append(Fault("refused", None, None, None, said))
    if evidence.cosigned is None or evidence.witness_key is None:
        return None
    try:
        evidence.cosigned.signed_by(evidence.witness_key)
        return Checkpoint.parse(evidence.cosigned.text)
    except ProofError as error:
        faults.append(Fault("unsigned", None, None, None, f"the cosigned checkpoint: {error}"))
        return None


def _head(
    session: Session, evidence: Evidence, frontier: Frontier, faults: list[Fault]
) -> Checkpoint | None:
    """The newest signed head. It must be that of the leaves that are there."""
    row = newest_tree(session)
    if row is None:
        if frontier.size:
            said = f"{frontier.size} leaves have no checkpoint"
            faults.append(Fault("unsigned", None, None, None, said))
        return None
    try:
        note = Note.parse(row.note)
        if evidence.log_key is not None:
            note.signed_by(evidence.log_key)
        head = Checkpoint.parse(note.text)
        if (head.size, head.root) != (frontier.size, frontier.root()):
            raise ProofError(f"it is of {head.size} leaves, and {frontier.size} lead elsewhere")
    except ProofError as error:
        said = f"the checkpoint of {row.size} leaves: {error}"
        faults.append(Fault("unsigned", None, None, None, said))
        return None
    return head


def _miscounted(session: Session) -> list[str]:
    """The chains in which not each entry before the last leaf has one leaf."""
    return list(session.scalars(_COUNTS))


_COUNTS = text(
    """
    SELECT leaf.chain
      FROM (SELECT chain, count(*) AS leaves, max(seq) AS last FROM audit_leaf GROUP BY chain) leaf
     WHERE leaf.leaves <> leaf.last
        OR leaf.last <> (SELECT count(*) FROM audit_entry entry
                          WHERE entry.chain = leaf.chain AND entry.seq <= leaf.last)
    """
)
