"""The documents keep the form in which they have always been stored."""

from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from models.documents.codec import Unreadable
from models.documents.lease import Judged
from models.documents.limits import ValueChange
from models.documents.orders import Arrival, FallbackProgress, Throttle, VolumeMark
from models.documents.stored_form import UnreadDocument, from_json, to_json

MOMENT = "2026-01-02T03:04:05+00:00"
ROWS: list[tuple[Hashable, Any]] = [
    (
        Throttle,
        {
            "kind": "slow",
            "speed": "0.50",
            "size": "1",
            "cause": "volatility",
            "value": "1.6",
            "limit": "1.5",
            "since": MOMENT,
            "holds": ["volatility"],
        },
    ),
    (FallbackProgress, {"positions": {"timeout": 2, "price": 0}}),
    (FallbackProgress, {"algorithm": "immediate"}),
    (FallbackProgress, {"positions": {}, "algorithm": "passive"}),
    (
        FallbackProgress,
        {"positions": {"price": 1}, "not_before": MOMENT, "size": "0.25", "bound_bps": "75"},
    ),
    (VolumeMark, {"since": MOMENT, "counter": "120.50", "counted": "0"}),
    (
        tuple[Judged, ...],
        [
            {
                "name": "beat",
                "meaning": "beat's last tick",
                "age_seconds": 12.5,
                "deadline_seconds": 10.0,
                "consequence": "not renewed",
                "problem": "12.5 s old, at most 10 s are allowed",
            },
            {
                "name": "audit",
                "meaning": "an audit that can be written",
                "age_seconds": None,
                "deadline_seconds": 60.0,
                "consequence": "taken back",
                "problem": None,
            },
        ],
    ),
    (
        tuple[ValueChange, ...],
        [
            {
                "path": "gate.max_leverage",
                "before": 3.0,
                "after": [1, "a", None, True],
                "direction": "tightening",
                "unset": False,
            }
        ],
    ),
    (tuple[str, ...], ["stop_loss", "no_price"]),
    (Mapping[str, Decimal], {"MNT": "0.50", "ODD": "-3"}),
    (Arrival, {"bid": "64999.90", "ask": "65000", "as_of": MOMENT}),
]


@pytest.mark.parametrize(("kind", "stored"), ROWS)
def test_a_stored_document_is_read_and_written_as_it_was(kind: Hashable, stored: Any) -> None:
    assert to_json(from_json(kind, stored)) == stored


def test_what_a_later_version_adds_is_left_out() -> None:
    assert from_json(FallbackProgress, {"size": "0.5", "later": 1}) == from_json(
        FallbackProgress, {"size": "0.5"}
    )


def test_another_form_is_refused() -> None:
    with pytest.raises(Unreadable, match=r"FallbackProgress\.algorithm: 'odd' is not readable"):
        from_json(FallbackProgress, {"algorithm": "odd"})


def test_every_use_of_an_unread_document_is_refused_and_its_json_is_kept() -> None:
    unread: Any = UnreadDocument({"kind": "odd"}, "no such kind")
    for use in (
        lambda: unread.speed,
        lambda: list(unread),
        lambda: "a" in unread,
        lambda: not unread,
    ):
        with pytest.raises(Unreadable, match="no such kind"):
            use()
    assert to_json(unread) == {"kind": "odd"}
    assert not hasattr(unread, "__clause_element__")
