"""The fields of a message: plain digits, times with a zone, and names that can be stored."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from pydantic import ValidationError

from models.messages import MLTradeRequest, is_identifier, parse_plain_decimal, request_schema

REQUEST: dict[str, Any] = {
    "request_id": "r-1",
    "symbol": "BTCUSDT",
    "side": "buy",
    "signal_data": {"position_size": "100"},
    "ml_predictions": {},
}


def request(**changes: Any) -> MLTradeRequest:
    return MLTradeRequest.model_validate(REQUEST | changes)


@pytest.mark.parametrize(
    ("value", "number"),
    [("0.10", "0.10"), (0.25, "0.25"), (3, "3"), ("-2.5", "-2.5"), (Decimal("1E+2"), "100")],
)
def test_a_number_is_read_digit_by_digit(value: object, number: str) -> None:
    assert parse_plain_decimal(value) == Decimal(number)


@pytest.mark.parametrize(
    "value",
    [
        *(True, None, "", " 1", 1e-7, "+1", "1e3", "1_000", ".5", "NaN", "Infinity"),
        *(float("nan"), float("inf"), 10**30, Decimal("1E+1000000"), "0." + "1" * 19, "١"),
    ],
    ids=repr,
)
def test_what_a_person_would_not_read_so_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="plain decimal digits"):
        parse_plain_decimal(value)


def test_a_request_names_its_scopes_in_its_metadata() -> None:
    assert (request().strategy, request().account) == ("default", None)
    named = request(metadata={"strategy": "demo", "account": "main"})
    assert (named.strategy, named.account) == ("demo", "main")


@pytest.mark.parametrize(
    "changes",
    [
        {"request_id": "a b"},
        {"symbol": "btc"},
        {"odd": 1},
        {"created_at": "2025-01-01T00:00:00"},
        {"metadata": {"strategy": "a b"}},
        {"metadata": {"x": "y" * 5000}},
        {"metadata": {"x": "\x00"}},
        {"signal_data": {"position_size": "0"}},
        {"signal_data": {"position_size": "1000000000000"}},
        {"signal_data": {"position_size": "1", "side": "sell"}},
        {"signal_data": {"position_size": "1", "algorithm": "vwap"}},
        {"signal_data": {"position_size": "1", "horizon_seconds": 1, "interval_seconds": 2}},
        {"ml_predictions": {"confidence": 1.1}},
    ],
    ids=str,
)
def test_a_field_that_is_wrong_refuses_the_message(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        request(**changes)


def test_no_form_of_an_exit_is_refused_for_how_it_is_worked() -> None:
    odd = {"horizon_seconds": 1, "interval_seconds": 2, "algorithm": "vwap"}
    leaving = request(signal_data={"position_size": "1", "reduce_only": True, **odd})
    assert leaving.signal_data.reduce_only


def test_times_are_utc() -> None:
    made = request(created_at="2025-01-01T02:00:00+02:00").created_at
    assert made == datetime(2025, 1, 1, tzinfo=UTC)
    assert made is not None and made.tzinfo is UTC


def test_a_message_cannot_be_changed_and_its_schema_is_closed() -> None:
    with pytest.raises(ValidationError):
        request().symbol = "X"  # type: ignore[misc]
    assert request_schema()["additionalProperties"] is False


@pytest.mark.parametrize(
    ("name", "allowed"), [("a-b_c.d:1", True), ("", False), ("a" * 65, False), ("a\n", False)]
)
def test_an_identifier_is_short_and_plain(name: str, allowed: bool) -> None:
    assert is_identifier(name) is allowed
