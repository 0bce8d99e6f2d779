"""The door refuses what is not a plain message, and names the field."""

import json
import math
from copy import deepcopy
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.bounded_text import readable
from bot.decision.parsing import (
    claimed_request_id,
    parse_request,
    payload_hash,
    payload_of,
    to_intent,
)
from bot.errors import BadMessage
from models.messages import MLTradeRequest, parse_plain_decimal, request_schema

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
ANY_CHARACTER = st.characters(exclude_categories=())
"""Lone surrogates too: JSON can carry them."""

GOOD: dict[str, Any] = {
    "request_id": "r-1",
    "symbol": "BTCUSDT",
    "side": "buy",
    "signal_data": {"position_size": "2500.00"},
    "ml_predictions": {"confidence": 0.7},
    "created_at": "2026-11-23T12:00:00Z",
}


def broken(path: str, value: object) -> dict[str, Any]:
    message = deepcopy(GOOD)
    target = message
    *parents, last = path.split(".")
    for part in parents:
        target = target.setdefault(part, {})
    target[last] = value
    return message


BAD = [
    ("signal_data.parameters", {"depth": math.nan}),
    ("signal_data.parameters", {"depth": [1]}),
    ("signal_data.parameters", {"depth": "x" * 65}),
    ("signal_data.parameters", {"a name": 1}),
    ("signal_data.parameters", {f"p{i}": 1 for i in range(17)}),
    ("signal_data.position_size", "NaN"),
    ("signal_data.position_size", math.nan),
    ("signal_data.position_size", math.inf),
    ("signal_data.position_size", "Infinity"),
    ("signal_data.position_size", "1e3"),
    ("signal_data.position_size", "2.5E+3"),
    ("signal_data.position_size", 1e-9),
    ("signal_data.position_size", "-5"),
    ("signal_data.position_size", "0"),
    ("signal_data.position_size", " 5"),
    ("signal_data.position_size", "٥"),
    ("signal_data.position_size", True),
    ("signal_data.position_size", None),
    ("signal_data.unknown_field", 1),
    ("signal_data.horizon_seconds", -1),
    ("signal_data.algorithm", "sniper"),
    ("signal_data.start", "later"),
    ("signal_data.size_distortion", 1),
    ("signal_data.time_distortion", 0.6),
    ("signal_data.volume_model", "oracle"),
    ("signal_data.participation_rate", 0),
    ("signal_data.participation_rate", "NaN"),
    ("signal_data.min_participation_rate", 1.1),
    ("signal_data.display_size", "-1"),
    ("signal_data.improve_after", 2),
    ("signal_data.cross_margin_seconds", -1),
    ("signal_data.requote_seconds", math.inf),
    ("signal_data.backup_plan", ["hope"]),
    ("signal_data.backup_plan", {"price": ["stop_and_alert", "retry"]}),
    ("signal_data.backup_plan", {"fallback_algorithm": "twap"}),
    ("ml_predictions.confidence", math.nan),
    ("ml_predictions.confidence", 1.2),
    ("ml_predictions.confidence", "-Infinity"),
    ("ml_predictions.feature_importance.x", math.inf),
    ("market_data.portfolio_value", -1),
    ("market_data.returns", [math.inf]),
    ("market_data.returns", "none"),
    ("market_data.returns", [0.0] * 5001),
    ("signal_data.side", "long"),
    ("signal_data.stop_price", 0),
    ("ml_predictions.stability", 1.2),
    ("market_data.timestamp", "2026-11-23T12:00:00"),
    ("created_at", "2026-11-23T12:00:00"),
    ("created_at", "yesterday"),
    ("created_at", 1795440060),
    ("expires_at", "2026-11-23T12:00:00"),
    ("request_id", "x" * 10_000),
    ("request_id", "a b"),
    ("request_id", ""),
    ("request_id", 7),
    ("symbol", "btcusdt"),
    ("side", "Buy"),
    ("priority", "asap"),
    ("surprise", 1),
    ("metadata", {"blob": "x" * 10_000}),
    ("metadata.account", "a b"),
    ("metadata.x", math.nan),
    ("metadata.x", "\x00"),
    ("metadata.x", "\ud800"),
    ("ml_predictions.feature_importance", {"\x00": 0.5}),
    ("signal_data.position_size", "1" + "0" * 12),
    ("signal_data.position_size", 10**6000),
    ("signal_data.position_size", Decimal("1e999999999")),
    ("signal_data.position_size", Decimal("1e-999999999")),
    ("signal_data.limit_price", "9" * 24),
    ("signal_data.display_size", "9" * 20),
    ("market_data.price", "9" * 13),
    ("market_data.volume_24h", "9" * 21),
    ("ml_predictions.confidence", 10**6000),
    ("metadata.x", 10**6000),
    ("created_at", "0001-01-01T00:00:00+14:00"),
    ("expires_at", "9999-12-31T23:59:59-14:00"),
    ("symbol", "\ud800"),
    ("request_id", "\ud800"),
]


@pytest.mark.parametrize(("path", "value"), BAD, ids=[f"{p}={readable(v)[:14]}" for p, v in BAD])
def test_a_broken_field_is_refused_by_its_name(path: str, value: object) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_request(broken(path, value))
    fields = [error.field for error in caught.value.errors]
    assert any(f == path or f"{path}.".startswith(f"{f}.") or f.startswith(path) for f in fields)
    assert fields != ["request"]


def nested(depth: int) -> list[Any]:
    found: list[Any] = []
    for _ in range(depth):
        found = [found]
    return found


EXTREMES: list[dict[str, Any]] = [
    broken("side", nested(100_000)),
    broken("metadata.x", nested(100_000)),
    broken("signal_data.position_size", 10**6000),
    broken("surprise", 10**6000),
    {**GOOD, **{f"field{n}": n for n in range(100_000)}},
    {**GOOD, "x" * 1_000_000: 1},
    broken("ml_predictions.feature_importance", {"\x00": 2}),
    broken("ml_predictions.feature_importance", {"\ud800": 2}),
    {**GOOD, "\ud800": 1},
    broken("request_id", "\ud800" * 100),
    broken("request_id", "\x00\x1b[2J"),
    broken("symbol", b"\xff\x00"),
]


@pytest.mark.parametrize("raw", EXTREMES, ids=range(len(EXTREMES)))
def test_whatever_is_extreme_is_refused_in_words_that_can_be_kept(raw: dict[str, Any]) -> None:
    with pytest.raises(BadMessage) as caught:
        parse_request(raw)
    words = [readable(raw), claimed_request_id(raw), caught.value.message]
    words += [text for error in caught.value.errors for text in (error.field, error.message)]
    for text in words:
        assert "\x00" not in text and "\x1b" not in text
        assert len(text.encode()) < 10_000
    assert len(claimed_request_id(raw)) <= 64


def test_what_is_deep_is_named_by_its_field() -> None:
    with pytest.raises(BadMessage, match="metadata: is nested too deep"):
        parse_request(broken("metadata.x", nested(40)))
    assert parse_request(broken("metadata.x", nested(20)))


@pytest.mark.parametrize("score", [3.1e-06, 0.0012345678901234567, 5e-324, 1 / 3])
def test_a_score_is_taken_as_a_model_writes_it(score: float) -> None:
    message = broken("ml_predictions.feature_importance", {"x": score})
    message["ml_predictions"]["uncertainty"] = score
    model = to_intent(parse_request(json.loads(json.dumps(message))), "paper", NOON).model
    assert model.feature_importance == {"x": score}
    assert model.uncertainty == score


@pytest.mark.parametrize("strength", [1e16, -1e300, math.inf, math.nan])
def test_a_score_without_a_bound_of_its_own_is_finite_and_moderate(strength: float) -> None:
    with pytest.raises(BadMessage, match="signal_strength"):
        parse_request(broken("signal_data.signal_strength", strength))


def test_a_wish_for_randomness_gets_a_seed_of_its_own_and_others_get_none() -> None:
    request = parse_request(broken("signal_data.size_distortion", 0.3))
    first, second = (to_intent(request, "paper", NOON).options.seed for _ in range(2))
    assert first is not None and first != second
    assert to_intent(parse_request(GOOD), "paper", NOON).options.seed is None


def test_the_seeds_short_backup_plan_reaches_the_gate() -> None:
    names = ["reduce_size", "market_order_fallback", "cancel_on_risk_increase"]
    options = to_intent(
        parse_request(broken("signal_data.backup_plan", names)), "paper", NOON
    ).options
    assert options.cancel_on_risk_increase
    assert options.backup_ladders["margin"] == ("reduce_size", "market_order_fallback")
    assert "throttled" not in options.backup_ladders


def test_rates_in_the_wrong_order_and_a_vwap_of_two_minds_are_refused() -> None:
    signal = {"position_size": "10", "participation_rate": 0.1, "min_participation_rate": 0.2}
    two = {
        "position_size": "10",
        "algorithm": "vwap",
        "volume_curve": [1],
        "volume_model": "static",
    }
    for wrong in (signal, two, {"position_size": "10", "algorithm": "vwap"}):
        with pytest.raises(BadMessage):
            parse_request(broken("signal_data", wrong))


# "2. Trade Validation" of the user's document, as its request carries it in "3. Trade Execution".
DOCUMENT: dict[str, Any] = {
    "request_id": "ml_trade_2026-11-23T12:00:00.123456",
    "symbol": "BTCUSDT",
    "side": "buy",
    "signal_data": {"side": "buy", "position_size": "1000", "signal_strength": 0.75},
    "ml_predictions": {
        "confidence": 0.72,
        "uncertainty": 0.25,
        "ensemble_agreement": 0.8,
        "stability": 0.7,
        "feature_importance_score": 0.6,
    },
    "market_data": {
        "volatility": 0.025,
        "volume": 1000000,
        "portfolio_value": 100000,
        "returns": [math.nan, 0.01, -0.02],
    },
    "priority": "normal",
}


class Scalar(float):
    """As numpy's: a number with `tolist`."""

    def tolist(self) -> float:
        return float(self)


class Series:
    """As pandas' series: no list, with `tolist`."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def tolist(self) -> list[float]:
        return list(self.values)


def test_the_documents_request_is_read_whole() -> None:
    request = parse_request(DOCUMENT)
    intent = to_intent(request, "paper", NOON)
    assert (intent.model.prediction_stability, intent.model.feature_importance_score) == (0.7, 0.6)
    assert intent.created_at == NOON
    assert request.market_data.portfolio_value == 100_000
    assert request.market_data.returns == (None, 0.01, -0.02)
    stored = json.loads(json.dumps(payload_of(request), allow_nan=False))
    assert parse_request(stored) == request


def test_the_time_of_receipt_is_no_part_of_the_content() -> None:
    payload = payload_of(parse_request(DOCUMENT))
    assert payload["created_at"] is None
    assert payload_hash(payload) == payload_hash(payload_of(parse_request(payload)))


def test_a_stop_reaches_the_gate() -> None:
    request = parse_request(broken("signal_data.stop_price", "48000.5"))
    assert to_intent(request, "paper", NOON).stop_price == Decimal("48000.5")


@pytest.mark.parametrize(
    ("algorithm", "words"),
    [
        ("twap", "algorithm twap takes no parameters"),
        (None, "mlrisk chooses the algorithm, which takes no parameters"),
    ],
)
def test_parameters_of_an_algorithm_that_takes_none_are_refused(
    algorithm: str | None, words: str
) -> None:
    message = broken("signal_data.parameters", {"depth": 2})
    message["signal_data"]["algorithm"] = algorithm
    with pytest.raises(BadMessage) as refused:
        parse_request(message)
    assert [(e.field, e.message) for e in refused.value.errors] == [
        ("signal_data.parameters", words)
    ]


def test_an_exit_is_not_refused_for_its_parameters() -> None:
    message = broken("signal_data.parameters", {"quick": True, "depth": 2, "mode": "0.5"})
    message["signal_data"] |= {"algorithm": "twap", "reduce_only": True}
    intent = to_intent(parse_request(message), "paper", NOON)
    assert intent.options.parameters == '{"depth":2.0,"mode":"0.5","quick":true}'


def test_a_message_without_parameters_has_none_for_the_gate() -> None:
    assert to_intent(parse_request(GOOD), "paper", NOON).options.parameters == ""


@pytest.mark.parametrize(
    ("ours", "seeds", "value"),
    [
        ("ml_predictions.prediction_stability", "ml_predictions.stability", 0.7),
        ("ml_predictions.feature_importance", "ml_predictions.feature_importance_score", 0.6),
        ("market_data.volume_24h", "market_data.volume", 1000),
    ],
)
def test_two_names_of_one_thing_are_accepted_once(ours: str, seeds: str, value: float) -> None:
    both = broken(seeds, value)
    section, key = ours.split(".")
    both[section] = both[section] | {key: {"x": value} if key.endswith("importance") else value}
    with pytest.raises(BadMessage, match="give one of them") as caught:
        parse_request(both)
    assert [error.field for error in caught.value.errors] == [seeds]


def test_the_signals_side_is_the_requests() -> None:
    assert parse_request(broken("signal_data.side", "buy"))
    with pytest.raises(BadMessage, match="is sell, but the request's side is buy") as caught:
        parse_request(broken("signal_data.side", "sell"))
    assert [error.field for error in caught.value.errors] == ["signal_data.side"]


def test_a_notebooks_scalars_and_arrays_are_numbers_and_lists() -> None:
    message = deepcopy(DOCUMENT)
    message["ml_predictions"]["confidence"] = Scalar(0.72)
    message["ml_predictions"]["member_probabilities"] = Series(0.7, 0.72)
    message["market_data"]["returns"] = Series(math.nan, 0.01, -0.02)
    request = parse_request(message)
    assert request.ml_predictions.member_probabilities == (0.7, 0.72)
    assert request.market_data == parse_request(DOCUMENT).market_data
    message["ml_predictions"]["confidence"] = Scalar(math.nan)
    with pytest.raises(BadMessage, match="confidence"):
        parse_request(message)


def test_numpys_own_numbers_are_accepted() -> None:

    message = deepcopy(DOCUMENT)
    message["ml_predictions"] = {
        name: np.float32(score) for name, score in message["ml_predictions"].items()
    }
    message["signal_data"]["position_size"] = np.int64(1000)
    message["market_data"]["returns"] = np.array([math.nan, 0.01, -0.02])
    request = MLTradeRequest(**message)
    assert request.signal_data.position_size == 1000
    assert request.ml_predictions.confidence == pytest.approx(0.72)
    assert request.market_data.returns == (None, 0.01, -0.02)


@pytest.mark.parametrize(
    "series",
    [
        pd.Series([math.nan, 0.01, -0.02]),
        pd.Series([math.nan, 0.01, -0.02], index=pd.date_range("2026-01-01", periods=3)),
        pd.Series([None, 0.01, -0.02], dtype="Float64"),
        pd.Series([None, Decimal("0.01"), Decimal("-0.02")], dtype=object),
        pd.Series([Decimal("NaN"), Decimal("0.01"), Decimal("-0.02")], dtype=object),
    ],
)
def test_a_pandas_series_of_returns_is_stored_as_plain_numbers(series: Any) -> None:
    """ "returns: price_returns_series", as `pct_change` makes it."""
    message = broken("market_data.returns", series)
    request = MLTradeRequest(**message)
    assert request.market_data.returns == (None, 0.01, -0.02)
    stored = json.loads(json.dumps(payload_of(request), allow_nan=False))
    assert parse_request(stored) == request


@pytest.mark.parametrize("gap", [math.nan, math.inf, pd.NA, Decimal("NaN")], ids=repr)
def test_a_hole_inside_the_returns_is_refused_by_its_place(gap: Any) -> None:
    message = broken("market_data.returns", pd.Series([0.01, gap, -0.02], dtype=object))
    with pytest.raises(BadMessage) as caught:
        parse_request(message)
    assert [error.field for error in caught.value.errors] == ["market_data.returns.1"]


@pytest.mark.parametrize("gap", [math.nan, pd.NA, None])
def test_an_exit_is_not_refused_for_a_hole_in_its_returns(gap: Any) -> None:
    message = broken("market_data.returns", pd.Series([0.01, gap, -0.02], dtype=object))
    message["signal_data"] = message["signal_data"] | {"reduce_only": True}
    assert parse_request(message).market_data.returns == (0.01, None, -0.02)


def test_every_broken_field_is_named_at_once() -> None:
    message = broken("side", "up") | {"symbol": "?"}
    with pytest.raises(BadMessage) as caught:
        parse_request(message)
    assert {e.field for e in caught.value.errors} == {"side", "symbol"}


@pytest.mark.parametrize("raw", [None, "text", 5, [GOOD], {1: 2}])
def test_what_is_no_message_at_all_is_refused(raw: object) -> None:
    with pytest.raises(BadMessage):
        parse_request(raw)


def test_a_good_message_keeps_every_digit_of_its_money() -> None:
    request = parse_request(broken("signal_data.position_size", "2500.000000000000000001"))
    assert request.signal_data.position_size == Decimal("2500.000000000000000001")
    assert payload_of(request)["signal_data"]["position_size"] == "2500.000000000000000001"


def test_a_float_counts_as_its_shortest_text() -> None:
    request = parse_request(broken("signal_data.position_size", 0.1))
    assert request.signal_data.position_size == Decimal("0.1")


def test_times_become_utc() -> None:
    request = parse_request(broken("created_at", "2026-11-23T14:00:00+02:00"))
    assert request.created_at == datetime(2026, 11, 23, 12, tzinfo=UTC)


def test_a_stored_payload_parses_to_the_same_request() -> None:
    request = parse_request(GOOD)
    payload = json.loads(json.dumps(payload_of(request)))
    assert parse_request(payload) == request
    assert payload_hash(payload) == payload_hash(payload_of(request))


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(ANY_CHARACTER),
        lambda c: st.lists(c) | st.dictionaries(st.text(ANY_CHARACTER), c),
        max_leaves=20,
    )
)
def test_whatever_arrives_gives_a_request_or_a_typed_error(raw: object) -> None:
    try:
        assert isinstance(parse_request(raw), MLTradeRequest)
    except BadMessage as error:
        assert error.errors
    assert "\x00" not in readable(raw)
    assert len(readable(raw).encode()) < 2100
    claimed_request_id(raw).encode()
    assert len(claimed_request_id(raw)) <= 64


@given(
    st.decimals(
        allow_nan=False, allow_infinity=False, places=8, min_value=-(10**12), max_value=10**12
    )
)
def test_plain_decimals_survive(value: Decimal) -> None:
    assert parse_plain_decimal(format(value, "f")) == value


def test_the_published_schema_names_every_field() -> None:
    schema = request_schema()
    assert set(schema["properties"]) == set(MLTradeRequest.model_fields)
    assert schema["additionalProperties"] is False
