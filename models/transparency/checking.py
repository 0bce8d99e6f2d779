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

from models.archived import Archived, Declaration
from models.audit import all_chains, chained_hash, content, problems_of_end
from models.transparency.archives import Rest
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
    archived: int = 0
    """The entries among those that were read whose payload is in an archive: what is left of them
    was verified, and the payload was not read."""


@dataclass
class _Scan:
    """One pass over the leaves and their entries."""

    frontier: Frontier
    evidence: Evidence
    archived: Archived
    mark: int
    """The size at which the root is remembered."""
    rests: list[tuple[Declaration, Rest]] = field(default_factory=list)
    """The archives whose entries are all read, with the digests of what is left of them."""
    payloads_away: int = 0
    root_at_mark: bytes | None = None
    suspected: set[str] = field(default_factory=set)
    """The chains with an entry that doesn't fit."""
    contradicts_witness: bool = False
    _last: dict[str, str] = field(default_factory=dict)
    _near: list[tuple[Declaration, Rest]] = field(default_factory=list)
    """Those of `rests` with a leaf in the present page."""

    def take(self, session: Session) -> None:
        """Reads all leaves from the frontier on."""
        while True:
            bounds = {"begin": self.frontier.size, "end": self.frontier.size + PAGE}
            rows: Any = session.execute(_LEAVES, bounds).all()
            self._near = [
                each
                for each in self.rests
                if each[0].begins < bounds["end"] and bounds["begin"] < each[0].ends
            ]
            for row in rows:
                self._take(row)
            if len(rows) < PAGE:
                return

    def _take(self, row: Any) -> None:
        leaf, chain, seq, hashed, at, kind, subject, actor, written_payload, prev, own = row
        place = self.frontier.size
        if leaf != place:
            raise TornLogError(f"the audit log lacks leaf {place}")
        if own is None:
            self.suspected.add(chain)
        else:
            payload = json.loads(written_payload)
            written = content(chain, at, kind, subject, actor, payload)
            if (
                leaf_hash(written.encode()) != hashed
                or chained_hash(prev, seq, chain, written) != own
            ) and not self._is_archived(row, payload):
                self.suspected.add(chain)
            if self._last.get(chain, prev) != prev:
                self.suspected.add(chain)
            self._last[chain] = own
            if self._near:
                self._take_rest(row)
        self._grow(place, hashed)

    def _is_archived(self, row: Any, payload: dict[str, Any]) -> bool:
        """Whether an archive has the payload; what is left of the entry is then in its digest."""
        place = (row.chain, row.seq)
        found = self.archived.declared_for(place, row.kind, row.actor, payload)
        if found is None or not found.has_leaf(row.leaf):
            return False
        self.payloads_away += 1
        return True

    def _take_rest(self, row: Any) -> None:
        for declared, rest in self._near:
            if declared.has_leaf(row.leaf):
                rest.take(row)

    def _grow(self, place: int, hashed: bytes) -> None:
        known = self.evidence.leaves
        if place < len(known) and known[place] != hashed:
            self.contradicts_witness = True
        self.frontier.append(hashed)
        if self.frontier.size == self.mark:
            self.root_at_mark = self.frontier.root()


_LEAVES = text(
    """
    SELECT leaf.leaf, leaf.chain, leaf.seq, leaf.hash AS leaf_hash, entry.at, entry.kind,
           entry.subject, entry.actor, CAST(entry.payload AS text) AS payload, entry.prev_hash,
           entry.hash
      FROM audit_leaf leaf
      LEFT JOIN audit_entry entry ON entry.chain = leaf.chain AND entry.seq = leaf.seq
     WHERE leaf.leaf >= :begin AND leaf.leaf < :end ORDER BY leaf.leaf
    """
)


def check(
    session: Session,
    evidence: Evidence,
    since: Checkpoint | None = None,
    archived: Archived | None = None,
) -> Report:
    """Verifies the audit on one snapshot of the database: everything, or what follows the head
    `since`, which an earlier verification has found good.

    When the log no longer begins with `since`, everything is verified. `archived` has the archives
    that count, by default all that are declared.
    """
    archived = Archived(session) if archived is None else archived
    faults = list(_of_past(session, since))
    begins = 0 if since is None or faults else since.size
    if any(each.begins < begins < each.ends for each in archived.all):
        begins = 0  # the digest of an archive takes all of its entries
    cosigned = _cosigned(evidence, faults)
    mark = 0 if cosigned is None else cosigned.size
    nodes = StoredNodes(session)
    scan = _Scan(Frontier.of(nodes, begins), evidence, archived, mark)
    scan.rests = [(each, Rest()) for each in archived.all if each.begins >= begins]
    try:
        if 0 < mark <= begins:
            scan.root_at_mark = root_at(nodes, mark)
        scan.take(session)
    except TornLogError as error:
        faults.append(Fault(Damage.DELETED, None, None, None, str(error)))
        scan.rests = []
    scan.suspected |= set(_miscounted(session))
    for chain in sorted(scan.suspected):
        faults += of_chain(session, chain, archived)
    faults += _of_rests(scan)
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
    return Report(begins, head, read, waiting, mark, tuple(faults), scan.payloads_away)


def _of_rests(scan: _Scan) -> Iterator[Fault]:
    """The archives of whose entries something else is left than they declare."""
    for declared, rest in scan.rests:
        if rest.hexdigest() != declared.rest:
            said = (
                f"what is left of the entries of {declared.month} is not what was left when they "
                "were archived: `mlrisk audit verify --archive DIR` names them"
            )
            yield Fault(Damage.CHANGED, None, None, None, said)


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
