"""A Merkle tree that grows at its end: roots, and proofs of inclusion and of consistency.

Hashes and proofs are those of RFC 6962, section 2.1. A proof is made from perfect subtrees, which
never change once they are full. `models.transparency.offline_verifier` verifies.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from models.transparency.offline_verifier import EMPTY_ROOT, node_hash

STORED_EVERY = 8
"""Perfect subtrees of every eighth level are stored: a proof then reads a few hundred hashes at
most, and they are one for each 255 leaves."""


class Nodes(Protocol):
    """The perfect subtrees of a log."""

    def node(self, level: int, index: int) -> bytes:
        """The root of the 2**level leaves from index * 2**level on."""


@dataclass(frozen=True, slots=True)
class Node:
    """A perfect subtree that has just become full."""

    level: int
    index: int
    hash: bytes


@dataclass
class Frontier:
    """The perfect subtrees that make up a tree, the largest first; they are all that a tree needs
    to grow."""

    size: int = 0
    _peaks: list[bytes] = field(default_factory=list)

    @classmethod
    def of(cls, nodes: Nodes, size: int) -> Self:
        """The frontier of a stored tree."""
        return cls(size, [nodes.node(level, index) for level, index in peaks(size)])

    def append(self, leaf: bytes) -> Sequence[Node]:
        """Adds the hash of a leaf; returns each perfect subtree above it that is full now."""
        index, level, found = self.size, 0, leaf
        self.size = index + 1
        if not index & 1:
            self._peaks.append(leaf)
            return ()
        full = []
        while index & 1:
            found, index, level = node_hash(self._peaks.pop(), found), index >> 1, level + 1
            full.append(Node(level, index, found))
        self._peaks.append(found)
        return full

    def root(self) -> bytes:
        """The root of the whole tree."""
        if not self._peaks:
            return EMPTY_ROOT
        found = self._peaks[-1]
        for peak in reversed(self._peaks[:-1]):
            found = node_hash(peak, found)
        return found

    def copy(self) -> "Frontier":
        """The same tree, which grows by itself."""
        return Frontier(self.size, list(self._peaks))


def peaks(size: int) -> Iterator[tuple[int, int]]:
    """Level and index of the perfect subtrees of a tree, the largest first."""
    begins = 0
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            yield level, begins >> level
            begins += 1 << level


def root_at(nodes: Nodes, size: int) -> bytes:
    """The root of the first `size` leaves."""
    return Frontier.of(nodes, size).root()


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The hashes beside the way from a leaf to the root, the lowest first."""
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size} leaves")
    low, high, path = 0, size, []
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(nodes, middle, high))
            high = middle
        else:
            path.append(_range_root(nodes, low, middle))
            low = middle
    return path[::-1]


def consistency_proof(nodes: Nodes, old_size: int, new_size: int) -> list[bytes]:
    """The hashes that lead from the tree of `old_size` leaves to that of `new_size`."""
    if not 0 < old_size <= new_size:
        raise ValueError(f"no proof leads from {old_size} to {new_size} leaves")
    low, high, is_whole, path = 0, new_size, True, []
    while high != old_size:
        middle = low + _split(high - low)
        if old_size <= middle:
            path.append(_range_root(nodes, middle, high))
            high = middle
        else:
            path.append(_range_root(nodes, low, middle))
            low, is_whole = middle, False
    if not is_whole:
        path.append(_range_root(nodes, low, high))
    return path[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size`."""
    return 1 << (size - 1).bit_length() - 1


def _range_root(nodes: Nodes, low: int, high: int) -> bytes:
    size = high - low
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return nodes.node(level, low >> level)
    middle = low + _split(size)
    return node_hash(_range_root(nodes, low, middle), _range_root(nodes, middle, high))


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root of a perfect subtree from all hashes of one of its levels."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[n], level[n + 1]) for n in range(0, len(level), 2)]
    return level[0]


@dataclass(frozen=True)
class LeafNodes:
    """The subtrees of a log whose leaves' hashes are all at hand."""

    leaves: Sequence[bytes]
    _known: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def node(self, level: int, index: int) -> bytes:
        """The root of a perfect subtree; each is computed once."""
        if level == 0:
            return self.leaves[index]
        found = self._known.get((level, index))
        if found is None:
            children = self.node(level - 1, 2 * index), self.node(level - 1, 2 * index + 1)
            found = self._known[level, index] = node_hash(*children)
        return found
