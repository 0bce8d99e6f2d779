"""The audit log as it is stored: leaves, full subtrees and signed heads."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from config.errors import MlriskError
from models.audit import GENESIS, Link
from models.tables import AuditLeafRow, AuditNodeRow, AuditRow, AuditTreeRow
from models.transparency.merkle import STORED_EVERY, Node, fold


class TornLogError(MlriskError):
    """The stored log lacks a part or contradicts itself; the message says where."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry's place in its chain and the hash of its content."""

    chain: str
    seq: int
    hash: bytes


@dataclass(frozen=True)
class StoredNodes:
    """The full subtrees of the stored log. Each is read once."""

    session: Session
    _known: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def node(self, level: int, index: int) -> bytes:
        """The root of a full subtree. Raises TornLogError when a part of it is missing."""
        found = self._known.get((level, index))
        if found is None:
            base = level - level % STORED_EVERY
            count = 1 << level - base
            hashes = self._row_of(base, index * count, count)
            if len(hashes) != count:
                raise TornLogError(
                    f"the audit log lacks hashes of level {base} from {index * count}"
                )
            found = self._known[level, index] = fold(hashes)
        return found

    def _row_of(self, level: int, begin: int, count: int) -> Sequence[bytes]:
        if level == 0:
            return leaf_hashes(self.session, begin, begin + count)
        return self.session.scalars(
            select(AuditNodeRow.hash)
            .where(AuditNodeRow.level == level)
            .where(AuditNodeRow.place >= begin, AuditNodeRow.place < begin + count)
            .order_by(AuditNodeRow.place)
        ).all()


def leaf_hashes(session: Session, begin: int, end: int) -> Sequence[bytes]:
    """The hashes of the leaves from `begin` to before `end`, as far as they are there."""
    return session.scalars(
        select(AuditLeafRow.hash)
        .where(AuditLeafRow.leaf >= begin, AuditLeafRow.leaf < end)
        .order_by(AuditLeafRow.leaf)
    ).all()


def newest_tree(session: Session) -> AuditTreeRow | None:
    """The newest signed head; None before the first."""
    return session.scalar(select(AuditTreeRow).order_by(AuditTreeRow.size.desc()).limit(1))


def tree_up_to(session: Session, size: int) -> AuditTreeRow | None:
    """The largest signed head of at most this size."""
    return session.scalar(
        select(AuditTreeRow)
        .where(AuditTreeRow.size <= size)
        .order_by(AuditTreeRow.size.desc())
        .limit(1)
    )


def last_links(session: Session, chains: Iterable[str]) -> dict[str, Link]:
    """The last entry of each chain that has a leaf, with its hash. Raises TornLogError when the
    entry is gone."""
    found = {}
    for chain in chains:
        seq = last_seq(session, chain)
        own = select(AuditRow.hash).where(AuditRow.chain == chain, AuditRow.seq == seq)
        hashed = GENESIS if seq == 0 else session.scalar(own)
        if hashed is None:
            raise TornLogError(f"{chain}: entry {seq} has a leaf in the audit log and is gone")
        found[chain] = Link(seq, hashed)
    return found


def last_seq(session: Session, chain: str) -> int:
    """The last entry of a chain that has a leaf; 0 without one."""
    newest = select(AuditLeafRow.seq).where(AuditLeafRow.chain == chain)
    return session.scalar(newest.order_by(AuditLeafRow.seq.desc()).limit(1)) or 0


def leaf_of(session: Session, chain: str, seq: int) -> int | None:
    """The place of an entry in the log; None while it has none."""
    return session.scalar(
        select(AuditLeafRow.leaf).where(AuditLeafRow.chain == chain, AuditLeafRow.seq == seq)
    )


def write_leaves(session: Session, begin: int, leaves: Sequence[Leaf]) -> None:
    """Adds leaves from the place `begin` on, in one statement."""
    rows = [[n, leaf.chain, leaf.seq, leaf.hash.hex()] for n, leaf in enumerate(leaves, begin)]
    session.execute(_LEAVES, {"rows": json.dumps(rows)})


# One JSON document: psycopg takes many times longer to write arrays.
_LEAVES = text(
    "INSERT INTO audit_leaf (leaf, chain, seq, hash)"
    " SELECT CAST(one ->> 0 AS bigint), one ->> 1, CAST(one ->> 2 AS bigint),"
    " decode(one ->> 3, 'hex') FROM jsonb_array_elements(CAST(:rows AS jsonb)) AS one"
)


def write_nodes(session: Session, nodes: Sequence[Node]) -> None:
    """Adds those full subtrees that are stored."""
    session.add_all(
        AuditNodeRow(level=node.level, place=node.index, hash=node.hash)
        for node in nodes
        if node.level % STORED_EVERY == 0
    )
