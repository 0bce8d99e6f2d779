"""Fields of a notebook's dictionaries are read in their types, and every error is collected."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.errors import BadMessage
from bot.risk.manager.field_reader import FieldReader, as_plain
from models.enums import Algorithm
from tests.unit.bot.risk.cases import D

WHERE = "market_data"


def test_money_is_exact_and_a_bad_one_is_noted_by_its_path() -> None:
    reader = FieldReader()
    given = {"bid": 0.1, "ask": np.float64(1e-7), "mark": "12.50", "index": "1e5", "last": True}
    assert reader.money(WHERE, given, "bid") == D("0.1")
    assert reader.money(WHERE, given, "ask") == D("0.0000001")
    assert reader.money(WHERE, given, "mark") == D("12.50")
    assert reader.money(WHERE, given, "absent") is None
    assert not reader.errors
    assert reader.money(WHERE, given, "index") is None
    assert reader.money(WHERE, given, "last") is None
    assert [error.field for error in reader.errors] == ["market_data.index", "market_data.last"]


@pytest.mark.parametrize("value", [float("nan"), float("inf"), np.float64("nan")])
def test_a_score_is_finite(value: float) -> None:
    reader = FieldReader()
    assert reader.score(WHERE, {"volatility": value}, "volatility") is None
    assert reader.errors[0].field == "market_data.volatility"
    assert FieldReader().score(WHERE, {"volatility": np.int64(2)}, "volatility") == 2.0


@pytest.mark.parametrize(
    ("value", "read", "errors"),
    [
        (None, False, 0),
        (True, True, 0),
        (np.bool_(True), True, 0),
        ("yes", False, 1),
        (1, False, 1),
    ],
)
def test_a_flag_is_a_boolean_and_nothing_like_one(value: object, read: bool, errors: int) -> None:
    reader = FieldReader()
    assert reader.flag("signal_data", {"reduce_only": value}, "reduce_only") is read
    assert len(reader.errors) == errors


def test_a_time_is_utc_and_a_word_is_one_of_its_kind() -> None:
    reader = FieldReader()
    noon = datetime(2025, 6, 1, 12, tzinfo=UTC)
    assert reader.moment(WHERE, {"timestamp": "2025-06-01T14:00:00+02:00"}, "timestamp") == noon
    assert reader.choice("signal_data", {"algorithm": "twap"}, "algorithm", Algorithm) is (
        Algorithm.TWAP
    )
    assert not reader.errors
    assert reader.moment(WHERE, {"timestamp": 7}, "timestamp") is None
    assert reader.choice("signal_data", {"algorithm": "twapp"}, "algorithm", Algorithm) is None
    assert [error.field for error in reader.errors] == [
        "market_data.timestamp",
        "signal_data.algorithm",
    ]


def test_a_section_that_is_no_mapping_ends_the_reading() -> None:
    with pytest.raises(BadMessage, match="market_data"):
        FieldReader().take_sections(signal_data={}, market_data=[1], ml_predictions={})


def test_floats_are_told_by_their_shortest_digits() -> None:
    assert as_plain(1e-7) == "0.0000001"
    assert as_plain("1") == "1"
