"""Names the entries that don't fit the audit log, or the log that doesn't fit its witness."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import select
from sqlalchemy.orm import Session

from models.archived import Archived
from models.audit import (
    EMPTIED,
    archive_of,
    chained_hash,
    content_of,
    links,
    looks_emptied,
)
from models.tables import AuditLeafRow
from models.transparency.differences import Damage, differences
from models.transparency.offline_verifier import leaf_hash

_PAGE = 5_000
_SAID = {
    Damage.CHANGED: "was changed",
    Damage.DELETED: "was deleted",
    Damage.INSERTED: "was inserted",
    Damage.REORDERED: "stands where another stood",
    Damage.TRUNCATED: "was cut off with the end",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: the kind of damage, the entry as far as it is known, its leaf, and a sentence."""

    kind: str
    chain: str | None
    seq: int | None
    leaf: int | None
    text: str


@dataclass
class _Entries:
    """All entries of a chain, in its order."""

    seqs: list[int] = field(default_factory=list)
    hashes: list[bytes] = field(default_factory=list)
    """The hash of each one's leaf."""
    unbound: list[int] = field(default_factory=list)
    """The places whose hash is wrong."""
    emptied: set[int] = field(default_factory=set)
    """The places with nothing in the payload, and no archive that has it."""


def of_chain(session: Session, chain: str, archived: Archived) -> Iterator[Fault]:
    """The entries of a chain that are not those of its leaves. Where all are, an entry's own hash
    or the one before it was changed."""
    places = session.execute(
        select(AuditLeafRow.leaf, AuditLeafRow.seq, AuditLeafRow.hash)
        .where(AuditLeafRow.chain == chain)
        .order_by(AuditLeafRow.leaf)
    ).all()
    leaves = {row.seq: (row.leaf, row.hash) for row in places}
    entries = _entries(session, chain, leaves, archived)
    seqs, found = entries.seqs, entries.hashes
    expected = [row.hash for row in places]
    damaged = differences(expected, _without_news(expected, found))
    for each in damaged:
        leaf = None if each.expected is None else places[each.expected].leaf
        seq = seqs[each.found] if each.found is not None else (each.expected or 0) + 1
        is_emptied = each.found is not None and seq in entries.emptied
        said = EMPTIED if is_emptied else _SAID[each.damage]
        yield Fault(each.damage, chain, seq, leaf, f"{chain}: entry {seq} {said}")
    if not damaged:
        for seq in entries.unbound:
            said = f"{chain}: entry {seq} has another hash than it was written with"
            yield Fault(Damage.CHANGED, chain, seq, None, said)


def _entries(
    session: Session, chain: str, leaves: Mapping[int, tuple[int, bytes]], archived: Archived
) -> _Entries:
    """The entries of a chain. The leaf of an archived one speaks for it."""
    found = _Entries()
    after, before = -(1 << 62), None
    while page := list(links(session, chain, after=after, limit=_PAGE)):
        for seq, draft, prev_hash, own_hash in page:
            content = content_of(draft)
            hashed, (leaf, expected) = leaf_hash(content.encode()), leaves.get(seq, (-1, b""))
            is_right = chained_hash(prev_hash, seq, chain, content) == own_hash
            declared = None if hashed == expected else archive_of(archived, seq, draft)
            if declared is not None and declared.has_leaf(leaf):
                hashed, is_right = expected, True
            elif hashed != expected and looks_emptied(draft):
                found.emptied.add(seq)
            if not is_right or (before is not None and prev_hash != before):
                found.unbound.append(seq)
            found.seqs.append(seq)
            found.hashes.append(hashed)
            before = own_hash
        after = page[-1][0]
    return found


def of_log(session: Session, witnessed: Sequence[bytes]) -> Iterator[Fault]:
    """The leaves that are not those that the witness has seen."""
    rows = session.execute(
        select(AuditLeafRow.chain, AuditLeafRow.seq, AuditLeafRow.hash).order_by(AuditLeafRow.leaf)
    ).all()
    found = _without_news(witnessed, [row.hash for row in rows])
    for each in differences(witnessed, found):
        row = None if each.found is None else rows[each.found]
        what = f"leaf {each.expected}" if row is None else f"{row.chain}: entry {row.seq}"
        said = f"{what} {_SAID[each.damage]} after the witness had seen the log"
        place = each.found if each.expected is None else each.expected
        chain, seq = (None, None) if row is None else (row.chain, row.seq)
        yield Fault(each.damage, chain, seq, place, said)


def _without_news(expected: Sequence[bytes], found: Sequence[bytes]) -> Sequence[bytes]:
    """What is found, without what came after the last that is expected. Entries may be alike, so
    that of several places of the last one the nearest counts."""
    same = 0
    while same < min(len(expected), len(found)) and expected[same] == found[same]:
        same += 1
    if same == len(expected):
        return found[:same]
    last = len(expected) - 1
    ends = [place for place in range(same, len(found)) if found[place] == expected[last]]
    end = min(ends, key=lambda place: abs(place - last), default=last)
    return found[: end + 1]
