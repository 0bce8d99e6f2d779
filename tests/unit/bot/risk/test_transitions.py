"""Getting stricter is free; getting looser needs authority and the half-open way."""

import pytest

from bot.risk.transitions import change, emergency_stop
from models.enums import TradingState as S


@pytest.mark.parametrize("before", S)
@pytest.mark.parametrize("wanted", S)
def test_only_an_authorised_person_loosens_and_never_from_flat_to_active(
    before: S, wanted: S
) -> None:
    alone, authorised = change(before, wanted), change(before, wanted, authorised=True)
    if wanted.strictness > before.strictness:
        assert alone.changes
    elif wanted is before:
        assert not alone.changes
        assert alone.warning
    elif before is not S.FLATTENING:
        assert not alone.changes
        assert alone.refused
    if before in (S.FLAT, S.FLATTENING) and wanted is S.ACTIVE:
        assert not authorised.changes
    assert (alone.after is wanted) or not alone.changes


def test_the_way_back_is_half_open() -> None:
    state = S.HALTED
    for step in (S.RECOVERING, S.ACTIVE):
        transition = change(state, step, authorised=True)
        assert transition.changes
        state = transition.after
    assert state is S.ACTIVE


def test_flattening_ends_by_itself_when_it_is_done() -> None:
    assert change(S.FLATTENING, S.FLAT).changes
    assert not change(S.FLATTENING, S.ACTIVE, authorised=True).changes


@pytest.mark.parametrize("before", S)
def test_an_emergency_stop_never_loosens(before: S) -> None:
    after = emergency_stop(before).after
    assert after.strictness >= before.strictness
    assert not after.allows_reducing
