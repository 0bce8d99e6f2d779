"""Gives audit entries their places in the Merkle log, and signs the log's head.

One transaction writes the leaves of a batch, the subtrees that they fill and the signed head, so
that a death at any point leaves the former head or the new one. An advisory lock keeps a second
sequencer out. The primary keys of leaf and head would refuse a fork even without it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from sqlalchemy.orm import Session

from bot import failpoints
from bot.clock import Clock
from models.audit import Link, chained_hash, content_of, heads, links
from models.database import Database
from models.locks import try_lock_audit_log
from models.tables import AuditTreeRow
from models.transparency.merkle import Frontier, Node
from models.transparency.notes import LogSigner
from models.transparency.offline_verifier import Checkpoint, Note, ProofError, leaf_hash
from models.transparency.stored import (
    Leaf,
    StoredNodes,
    TornLogError,
    last_links,
    newest_tree,
    write_leaves,
    write_nodes,
)

BATCH = 4_000
"""The most entries of one batch: a transaction of less than a second."""


@dataclass
class Sequencer:
    """Extends the log of one database. It keeps the frontier in memory while nobody else extends
    the log."""

    db: Database
    signer: LogSigner
    clock: Clock
    _frontier: Frontier = field(default_factory=Frontier)
    _head: str = ""
    """The newest checkpoint, whose tree the frontier is."""
    _links: dict[str, Link] = field(default_factory=dict)

    def extend(self) -> int:
        """Gives at most `BATCH` waiting entries their places; returns how many.

        Raises TornLogError when the stored log, or an entry that waits, is not as it was written.
        Nothing is signed then.
        """
        with self.db.transaction() as session:
            if not try_lock_audit_log(session):
                return 0
            known = self._known(session)
            waiting = self._waiting(session)
            if not waiting:
                return 0
            frontier = known.copy()
            note = self._write(session, frontier, waiting)
            failpoints.hit(failpoints.BEFORE_SEQUENCE_COMMIT)
        failpoints.hit(failpoints.AFTER_SEQUENCE_COMMIT)
        self._frontier, self._head = frontier, note
        self._links |= {leaf.chain: link for leaf, link in waiting}
        return len(waiting)

    def _known(self, session: Session) -> Frontier:
        """The frontier of the newest head, read anew when another has extended the log."""
        head = newest_tree(session)
        note = "" if head is None else head.note
        if note != self._head:
            size = 0 if head is None else head.size
            frontier = Frontier.of(StoredNodes(session), size)
            if head is not None:
                _require_root(head, frontier.root())
            self._frontier, self._head, self._links = frontier, note, {}
        return self._frontier

    def _waiting(self, session: Session) -> list[tuple[Leaf, Link]]:
        """The entries without a leaf, with their links. Each must follow the one before it."""
        ends = heads(session)
        unknown = [chain for chain in ends if chain not in self._links]
        self._links |= last_links(session, unknown)
        found: list[tuple[Leaf, Link]] = []
        for chain in sorted(chain for chain in ends if ends[chain].seq > self._links[chain].seq):
            found += _following(session, chain, self._links[chain], BATCH - len(found))
            if len(found) >= BATCH:
                break
        return found

    def _write(
        self, session: Session, frontier: Frontier, waiting: Sequence[tuple[Leaf, Link]]
    ) -> str:
        """Writes a batch and its head; returns the head's signed note."""
        write_leaves(session, frontier.size, [leaf for leaf, _ in waiting])
        full: list[Node] = []
        for leaf, _ in waiting:
            full += frontier.append(leaf.hash)
        write_nodes(session, full)
        session.flush()
        failpoints.hit(failpoints.IN_SEQUENCING)
        note = self.signer.checkpoint(frontier.size, frontier.root())
        session.add(AuditTreeRow(size=frontier.size, note=note, at=self.clock.now()))
        session.flush()
        return note


def _following(session: Session, chain: str, last: Link, limit: int) -> list[tuple[Leaf, Link]]:
    """The entries after `last`. Raises TornLogError at the first that is not as it was written."""
    found = []
    for seq, draft, prev_hash, own_hash in links(session, chain, after=last.seq, limit=limit):
        content = content_of(draft)
        if (seq, prev_hash) != (last.seq + 1, last.hash):
            raise TornLogError(f"{chain}: entry {seq} does not follow entry {last.seq}")
        if chained_hash(prev_hash, seq, chain, content) != own_hash:
            raise TornLogError(f"{chain}: entry {seq} was changed before it had a leaf")
        last = Link(seq, own_hash)
        found.append((Leaf(chain, seq, leaf_hash(content.encode())), last))
    return found


def _require_root(head: AuditTreeRow, root: bytes) -> None:
    try:
        signed = Checkpoint.parse(Note.parse(head.note).text)
    except ProofError as error:
        raise TornLogError(f"the newest checkpoint can't be read: {error}") from None
    if (signed.size, signed.root) != (head.size, root):
        raise TornLogError(f"the audit log has another root than its checkpoint of {head.size}")
