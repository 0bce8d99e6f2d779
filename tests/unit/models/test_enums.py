"""The closed vocabularies: which trading state wins where several apply."""

import itertools

from models.enums import TradingState as S
from models.enums import strictest


def test_the_strictest_state_wins_and_none_is_unknown() -> None:
    scopes = {"a": S.REDUCING, "b": S.HALTED, "c": S.ACTIVE}
    assert strictest(scopes.items(), lambda scope: scope[1]) == ("b", S.HALTED)
    assert strictest([], S) is None


def test_the_order_of_the_states_decides_nothing() -> None:
    for states in itertools.permutations((S.RECOVERING, S.FLAT, S.FLATTENING)):
        assert strictest(states, S) is S.FLATTENING
