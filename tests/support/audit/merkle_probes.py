"""Probes of Merkle proofs: for some places of a tree a proof that holds, and every way to spoil it.

A probe has the form of the test data of transparency-dev/merkle (sizes, roots, proof, whether it
must be refused), and the kinds are the same; trees and values are our own.
"""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial

from models.transparency.merkle import LeafNodes, consistency_proof, inclusion_proof, root_at
from models.transparency.offline_verifier import EMPTY_ROOT, leaf_hash

INCLUSIONS = ((0, 8), (5, 8), (2, 3), (1, 5), (46, 77))
CONSISTENCIES = ((1, 8), (6, 8), (2, 5), (6, 7), (41, 77))
Proof = tuple[bytes, ...]


@dataclass(frozen=True)
class Inclusion:
    """One probe of an inclusion proof."""

    kind: str
    index: int
    size: int
    root: bytes
    leaf: bytes
    proof: Proof
    refused: bool = True


@dataclass(frozen=True)
class Consistency:
    """One probe of a consistency proof."""

    kind: str
    old_size: int
    new_size: int
    old_root: bytes
    new_root: bytes
    proof: Proof
    refused: bool = True


def tree(size: int) -> LeafNodes:
    """A tree of our own leaves."""
    return LeafNodes([leaf_hash(f"leaf {n}".encode()) for n in range(size)])


def _flipped(value: bytes, bit: int) -> bytes:
    changed = bytearray(value)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


def _spoilt(proof: Proof, roots: Sequence[tuple[str, bytes]]) -> Iterator[tuple[str, Proof]]:
    """Every way to spoil the list of hashes itself."""
    for place, each in enumerate(proof):
        yield f"bit of hash {place}", (*proof[:place], _flipped(each, 3), *proof[place + 1 :])
    garbage = random.Random(7).randbytes(32)
    for name, more in (("garbage", garbage), ("nothing", b""), *roots):
        yield f"trailing {name}", (*proof, more)
        yield f"preceding {name}", (more, *proof)
    if proof:
        yield "empty", ()
        yield "without its last hash", proof[:-1]
        yield "without its first hash", proof[1:]
        yield "with its first hash twice", (proof[0], *proof)
        yield "with a hash in its middle", (*proof[:1], garbage, *proof[1:])
        yield "with a short hash", (proof[0][:31], *proof[1:])
    if len(set(proof)) > 1:
        yield "backwards", proof[::-1]


def inclusions() -> Iterator[Inclusion]:
    """All probes of inclusion."""
    for index, size in INCLUSIONS:
        nodes = tree(size)
        root, leaf = root_at(nodes, size), nodes.leaves[index]
        proof = tuple(inclusion_proof(nodes, index, size))
        sound = Inclusion("sound", index, size, root, leaf, proof, refused=False)
        but = partial(replace, sound, refused=True)
        yield sound
        for name, place in (("+1", index + 1), ("-1", index - 1), ("^2", index ^ 2)):
            yield but(kind=f"index {name}", index=place)
        yield but(kind="size doubled", size=size * 2)
        yield but(kind="size halved", size=size // 2)
        yield but(kind="size 0", size=0)
        yield but(kind="index far away", index=size + 1_000)
        yield but(kind="another leaf", leaf=nodes.leaves[(index + 1) % size])
        yield but(kind="another root", root=leaf_hash(b"another"))
        yield but(kind="the empty root", root=EMPTY_ROOT)
        yield but(kind="no root", root=b"")
        yield but(kind="no leaf", leaf=b"")
        for kind, spoilt in _spoilt(proof, [("root", root), ("leaf", leaf)]):
            yield but(kind=kind, proof=spoilt)
    only = leaf_hash(b"only")
    alone = Inclusion("a tree of one leaf", 0, 1, only, only, (), refused=False)
    yield alone
    yield replace(alone, kind="one leaf, no root", root=b"", refused=True)
    yield replace(alone, kind="one leaf, no leaf", leaf=b"", refused=True)
    yield replace(alone, kind="one leaf, neither", leaf=b"", root=b"", refused=True)
    yield replace(alone, kind="one leaf, index 1", index=1, refused=True)
    yield replace(alone, kind="one leaf, size 0", size=0, refused=True)


def consistencies() -> Iterator[Consistency]:
    """All probes of consistency."""
    for old, new in CONSISTENCIES:
        nodes = tree(new)
        roots = root_at(nodes, old), root_at(nodes, new)
        proof = tuple(consistency_proof(nodes, old, new))
        sound = Consistency("sound", old, new, *roots, proof, refused=False)
        but = partial(replace, sound, refused=True)
        yield sound
        for name, size in (("+1", old + 1), ("-1", old - 1), ("^2", old ^ 2)):
            yield but(kind=f"old size {name}", old_size=size)
        yield but(kind="new size doubled", new_size=new * 2)
        yield but(kind="new size halved", new_size=new // 2)
        yield but(kind="roots swapped", old_root=roots[1], new_root=roots[0])
        yield but(kind="sizes swapped", old_size=new, new_size=old)
        yield but(kind="another old root", old_root=leaf_hash(b"another"))
        yield but(kind="another new root", new_root=leaf_hash(b"another"))
        yield but(kind="no old root", old_root=b"")
        yield but(kind="no new root", new_root=b"")
        for kind, spoilt in _spoilt(proof, [("old root", roots[0]), ("new root", roots[1])]):
            yield but(kind=kind, proof=spoilt)
    one, two = leaf_hash(b"1"), leaf_hash(b"2")
    same = Consistency("one size, one root", 1, 1, one, one, (), refused=False)
    yield same
    yield replace(same, kind="one size, two roots", new_root=two, refused=True)
    yield replace(same, kind="one size and a proof", proof=(one,), refused=True)
    nothing = Consistency("from nothing", 0, 1, EMPTY_ROOT, one, ())
    yield nothing
    yield replace(nothing, kind="from nothing with a proof", proof=(EMPTY_ROOT,))
    yield replace(nothing, kind="nothing twice", new_size=0, new_root=EMPTY_ROOT)
    yield replace(nothing, kind="shrunk to nothing", old_size=1, new_size=0)
