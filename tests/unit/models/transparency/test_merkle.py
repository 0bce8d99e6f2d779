"""The tree's roots and proofs are those of RFC 6962, by its own definitions."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transparency.merkle import (
    Frontier,
    LeafNodes,
    consistency_proof,
    fold,
    inclusion_proof,
    peaks,
    root_at,
)
from models.transparency.offline_verifier import (
    EMPTY_ROOT,
    ProofError,
    leaf_hash,
    node_hash,
    require_consistency,
    require_inclusion,
)
from tests.support.properties import examples

SIZES = st.integers(1, 90)


def leaves(size: int, mark: str = "") -> list[bytes]:
    return [leaf_hash(f"{mark}{n}".encode()) for n in range(size)]


def split(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power


def mth(found: Sequence[bytes]) -> bytes:
    """RFC 6962, 2.1: the Merkle tree hash, as it is written there."""
    if not found:
        return EMPTY_ROOT
    if len(found) == 1:
        return found[0]
    k = split(len(found))
    return node_hash(mth(found[:k]), mth(found[k:]))


def path(m: int, found: Sequence[bytes]) -> list[bytes]:
    """RFC 6962, 2.1.1."""
    if len(found) == 1:
        return []
    k = split(len(found))
    if m < k:
        return [*path(m, found[:k]), mth(found[k:])]
    return [*path(m - k, found[k:]), mth(found[:k])]


def subproof(m: int, found: Sequence[bytes], *, is_whole: bool) -> list[bytes]:
    """RFC 6962, 2.1.2."""
    if m == len(found):
        return [] if is_whole else [mth(found)]
    k = split(len(found))
    if m <= k:
        return [*subproof(m, found[:k], is_whole=is_whole), mth(found[k:])]
    return [*subproof(m - k, found[k:], is_whole=False), mth(found[:k])]


@given(SIZES)
@settings(max_examples=examples(60))
def test_a_tree_that_grows_has_the_roots_and_subtrees_of_the_definition(size: int) -> None:
    known, growing, full = leaves(size), Frontier(), {}
    assert growing.root() == mth([])
    for count, leaf in enumerate(known, start=1):
        full |= {(node.level, node.index): node.hash for node in growing.append(leaf)}
        assert (growing.size, growing.root()) == (count, mth(known[:count]))
    nodes = LeafNodes(known)
    for (level, index), found in full.items():
        part = known[index << level : (index + 1) << level]
        assert found == mth(part) == nodes.node(level, index) == fold(part)
    again = Frontier.of(nodes, size)
    assert again == growing
    apart = again.copy()
    list(apart.append(known[0]))
    assert (again, apart.size) == (growing, size + 1)
    assert sum(1 << level for level, _ in peaks(size)) == size


@given(SIZES, st.data())
@settings(max_examples=examples(80))
def test_proofs_are_those_of_the_definition_and_hold(size: int, data: st.DataObject) -> None:
    known = leaves(size)
    nodes, root = LeafNodes(known), mth(known)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(nodes, index, size)
    assert proof == path(index, known)
    require_inclusion(known[index], index, size, proof, root)
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(nodes, old, size)
    assert proof == subproof(old, known, is_whole=True)
    require_consistency(old, size, root_at(nodes, old), root, proof)


@given(st.integers(2, 90), st.data())
@settings(max_examples=examples(80))
def test_no_proof_holds_for_another_leaf_or_another_past(size: int, data: st.DataObject) -> None:
    known = leaves(size)
    place = data.draw(st.integers(0, size - 1))
    other = [*known[:place], leaf_hash(b"another"), *known[place + 1 :]]
    with pytest.raises(ProofError):
        require_inclusion(
            other[place], place, size, inclusion_proof(LeafNodes(other), place, size), mth(known)
        )
    old = data.draw(st.integers(place + 1, size))
    with pytest.raises(ProofError):
        require_consistency(
            old,
            size + 1,
            mth(known[:old]),
            mth([*other, known[0]]),
            consistency_proof(LeafNodes([*other, known[0]]), old, size + 1),
        )


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_no_proof_is_made_of_what_is_not_there(index: int, size: int) -> None:
    nodes = LeafNodes(leaves(3))
    with pytest.raises(ValueError, match="is not in a tree"):
        inclusion_proof(nodes, index, size)
    with pytest.raises(ValueError, match="no proof leads"):
        consistency_proof(nodes, size + 1, size)
