"""Each kind of damage is named with its place, wherever it is."""

from hypothesis import given, settings
from hypothesis import strategies as st

from models.transparency.differences import Damage, Difference, differences
from tests.support.properties import examples

KNOWN = [bytes([n]) * 32 for n in range(9)]
NEW = b"new" * 10 + b"!!"


def damage(found: list[bytes]) -> list[tuple[Damage, int | None, int | None]]:
    return [(each.damage, each.expected, each.found) for each in differences(KNOWN, found)]


def test_nothing_is_named_where_nothing_happened() -> None:
    assert differences(KNOWN, [*KNOWN]) == differences([], []) == []


@given(st.integers(0, 8))
@settings(max_examples=examples(45))
def test_one_damage_at_any_place_is_named_exactly(at: int) -> None:
    before, after = KNOWN[:at], KNOWN[at + 1 :]
    assert damage([*before, NEW, *after]) == [(Damage.CHANGED, at, at)]
    assert damage([*before, NEW, *KNOWN[at:]]) == [(Damage.INSERTED, None, at)]
    gone = Damage.TRUNCATED if at == 8 else Damage.DELETED
    assert damage([*before, *after]) == [(gone, at, None)]
    ends = [(Damage.TRUNCATED, place, None) for place in range(at, 9)]
    assert damage(before) == ends
    if at < 8:
        other = [*before, KNOWN[at + 1], KNOWN[at], *KNOWN[at + 2 :]]
        assert damage(other) == [(Damage.REORDERED, at, at), (Damage.REORDERED, at + 1, at + 1)]


@given(st.lists(st.sampled_from(KNOWN), max_size=12), st.lists(st.sampled_from(KNOWN), max_size=12))
@settings(max_examples=examples(200))
def test_damage_is_named_exactly_where_two_lists_differ(a: list[bytes], b: list[bytes]) -> None:
    found = differences(a, b)
    assert bool(found) == (a != b)
    assert len({(each.expected, each.found) for each in found}) == len(found)


def test_several_damages_are_all_named() -> None:
    two = [KNOWN[0], *KNOWN[2:6], *KNOWN[7:]]
    assert differences(KNOWN, two) == [
        Difference(Damage.DELETED, 1, None),
        Difference(Damage.DELETED, 6, None),
    ]
