"""Names the damage between the hashes that a log had and those that are found in its place."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Damage(StrEnum):
    """What happened to entries."""

    CHANGED = "changed"
    DELETED = "deleted"
    INSERTED = "inserted"
    REORDERED = "reordered"
    TRUNCATED = "truncated"
    """The end is gone."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One damaged place. `expected` is its place in what was, `found` in what is."""

    damage: Damage
    expected: int | None
    found: int | None


def differences(expected: Sequence[bytes], found: Sequence[bytes]) -> list[Difference]:
    """Every damaged place; empty when both are the same."""
    begin, shorter = 0, min(len(expected), len(found))
    while begin < shorter and expected[begin] == found[begin]:
        begin += 1
    tail = 0
    while tail < shorter - begin and expected[-1 - tail] == found[-1 - tail]:
        tail += 1
    lost = expected[begin : len(expected) - tail]
    new = found[begin : len(found) - tail]
    return list(_named(lost, new, begin, is_end=tail == 0))


def _named(
    lost: Sequence[bytes], new: Sequence[bytes], begin: int, *, is_end: bool
) -> Iterator[Difference]:
    gone, added = Counter(lost) - Counter(new), Counter(new) - Counter(lost)
    if gone and added and len(lost) == len(new):
        for place, (was, now) in enumerate(zip(lost, new, strict=True), start=begin):
            if was != now:
                yield Difference(Damage.CHANGED, place, place)
        return
    if not gone and not added:
        for place, (was, now) in enumerate(zip(lost, new, strict=True), start=begin):
            if was != now:
                yield Difference(Damage.REORDERED, place, place)
        return
    cut = is_end and not new
    for place in _places(lost, gone, begin):
        yield Difference(Damage.TRUNCATED if cut else Damage.DELETED, place, None)
    for place in _places(new, added, begin):
        yield Difference(Damage.INSERTED, None, place)


def _places(hashes: Sequence[bytes], wanted: Counter[bytes], begin: int) -> Iterator[int]:
    """The places of the hashes that are wanted, each as often as it is wanted."""
    left = Counter(wanted)
    for place, each in enumerate(hashes, start=begin):
        if left[each] > 0:
            left[each] -= 1
            yield place
