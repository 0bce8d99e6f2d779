"""Every code has a class, and every class an error."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import (
    ClockRefused,
    ExchangeRefused,
    MlriskError,
    OutcomeUnknown,
    Throttled,
)
from bot.exchange.bybit import reasons
from bot.exchange.bybit.outcome import from_ret_code
from bot.exchange.bybit.retcodes import (
    GONE_CODES,
    RET_CODES,
    RetCodeClass,
    classify,
    classify_http,
    is_unexpected,
)

NOW = datetime(2026, 11, 23, tzinfo=UTC)

ERROR_OF: dict[RetCodeClass, type[MlriskError] | None] = {
    RetCodeClass.OK_IDEM: None,
    RetCodeClass.THROTTLE: Throttled,
    RetCodeClass.CLOCK: ClockRefused,
    RetCodeClass.RECONCILE: OutcomeUnknown,
    RetCodeClass.REJECT: ExchangeRefused,
    RetCodeClass.RISK: ExchangeRefused,
    RetCodeClass.SYMBOL: ExchangeRefused,
    RetCodeClass.FATAL: ExchangeRefused,
}


def documented_codes() -> list[tuple[str, int]]:
    recordings = os.environ.get("MLRISK_RECORDINGS")
    if not recordings:
        pytest.skip("MLRISK_RECORDINGS is not set: the documented code list is not at hand")
    path = Path(recordings).parent / "bybit_v5" / "error_codes.json"
    if not path.is_file():
        pytest.skip(f"no documented code list at {path}")
    return [(row["section"], row["code"]) for row in json.loads(path.read_text())["codes"]]


def assert_maps_to_an_error(code: int) -> None:
    cls = classify(code, write=True)
    error = from_ret_code(code, "text", {}, write=True, now=NOW)
    expected = ERROR_OF[cls]
    assert (error is None) if expected is None else isinstance(error, expected)
    if isinstance(error, ExchangeRefused):
        assert error.reason is reasons.of_refusal(code, cls)


def test_every_class_has_an_error() -> None:
    assert set(ERROR_OF) == set(RetCodeClass)


@pytest.mark.parametrize("code", sorted(RET_CODES))
def test_every_code_of_the_table_maps_to_the_error_of_its_class(code: int) -> None:
    assert_maps_to_an_error(code)


def test_every_documented_code_maps_to_an_error() -> None:
    for _, code in documented_codes():
        assert_maps_to_an_error(code)


def test_every_documented_trading_code_is_named_rather_than_unknown() -> None:
    # A code that we name never falls into "unknown on a write", which means reconciling.
    unknown = [
        code
        for section, code in documented_codes()
        if section in {"UTA", "Spot Trade", "WS OE General code"}
        and classify(code, write=True) is RetCodeClass.RECONCILE
        and code not in RET_CODES
    ]
    assert unknown == []


def test_an_unknown_code_is_reconciled_on_a_write_and_refused_on_a_read() -> None:
    assert classify(987654, write=True) is RetCodeClass.RECONCILE
    assert classify(987654, write=False) is RetCodeClass.REJECT
    assert is_unexpected(987654)


def test_a_duplicate_order_link_id_is_reconciled_because_the_order_may_exist() -> None:
    assert classify(110072, write=True) is RetCodeClass.RECONCILE
    assert classify(170141, write=True) is RetCodeClass.RECONCILE


def test_a_wrong_position_mode_is_fatal_although_its_code_is_a_parameter_error() -> None:
    text = "position idx not match position mode"
    assert classify(10001, write=True, message=text) is RetCodeClass.FATAL
    assert classify(10001, write=True, message="Qty invalid") is RetCodeClass.REJECT


def test_gone_codes_are_reconciled_when_they_answer_anything_but_a_cancel() -> None:
    assert {classify(code, write=True) for code in GONE_CODES} == {RetCodeClass.RECONCILE}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, RetCodeClass.FATAL),
        (401, RetCodeClass.FATAL),
        (403, RetCodeClass.THROTTLE),
        (404, RetCodeClass.FATAL),
        (418, RetCodeClass.RECONCILE),
        (429, RetCodeClass.RECONCILE),
        (500, RetCodeClass.RECONCILE),
        (502, RetCodeClass.RECONCILE),
        (504, RetCodeClass.RECONCILE),
    ],
)
def test_http_statuses_of_a_write_have_their_class(status: int, expected: RetCodeClass) -> None:
    assert classify_http(status, write=True) is expected
