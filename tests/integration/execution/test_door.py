"""Whatever JSON a strategy sends gets a typed answer of bounded size and one audit entry."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from models.enums import ExecutionStatus
from models.tables import AuditRow, DecisionRow
from tests.support.desk import Desk

_SMALL = 40_000
_CHARACTERS = st.characters(exclude_categories=())
_SCALARS = (
    st.none()
    | st.booleans()
    | st.floats()
    | st.integers()
    | st.integers(10**19, 10**25)
    | st.text(_CHARACTERS)
    | st.sampled_from(["\x00", "\ud800", "9" * 30, "0001-01-01T00:00:00+14:00", "NaN", 10**4000])
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner) | st.dictionaries(st.text(_CHARACTERS), inner),
    max_leaves=12,
)


def _paths(message: Any, at: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every place of a message in which something else could stand."""
    found = [at] if at else []
    if isinstance(message, dict):
        for key, value in message.items():
            found += _paths(value, (*at, key))
    return found


def _with(message: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    changed = deepcopy(message)
    target = changed
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value
    return changed


def _count(desk: Desk, table: type[Any]) -> int:
    with desk.db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def _answered_and_recorded(desk: Desk, ask: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    entries = _count(desk, AuditRow)
    outcome = ask()
    assert ExecutionStatus(outcome["status"])
    assert outcome["verdict"] in ("allow", "shrink", "deny")
    # As the result backend writes it, and as anybody can print it.
    assert len(json.dumps(outcome, allow_nan=False)) < _SMALL
    json.dumps(outcome, ensure_ascii=False).encode()
    assert _count(desk, AuditRow) == entries + 1
    return outcome


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(raw=_JSON)
def test_any_json_is_answered_and_recorded(desk: Desk, raw: object) -> None:
    _answered_and_recorded(desk, lambda: desk.approval.validate_and_execute(raw))


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data())
def test_a_request_with_anything_in_one_of_its_fields_is_answered_and_recorded(
    desk: Desk, data: st.DataObject
) -> None:
    """A new id each time, unless it is the id that is odd: then nothing else may answer for it."""
    good = desk.request(f"r-{_count(desk, AuditRow)}")
    good["expires_at"] = "9999-01-01T00:00:00Z"
    good["market_data"] = {"price": "65000", "volume_24h": 5}
    good["signal_data"] |= {"limit_price": "66000", "reduce_only": False}
    path = data.draw(st.sampled_from(_paths(good)))
    raw = _with(good, path, data.draw(_SCALARS | _JSON))
    _answered_and_recorded(desk, lambda: desk.approval.validate_and_execute(raw))


def test_whatever_passes_the_door_can_be_stored(desk: Desk) -> None:
    """The largest and the smallest of each field of money, in every combination of two."""
    extremes = ["999999999999.999999999999999999", "0.000000000000000001"]
    for number, (size, price) in enumerate((a, b) for a in extremes for b in extremes):
        outcome = _answered_and_recorded(
            desk,
            lambda size=size, price=price, number=number: desk.approve(  # type: ignore[misc]
                f"r-{number}",
                signal_data={"position_size": size, "limit_price": price, "display_size": size},
                market_data={"price": price, "volume_24h": "9" * 20},
            ),
        )
        assert "error" not in outcome, outcome
    assert _count(desk, DecisionRow) == 4
