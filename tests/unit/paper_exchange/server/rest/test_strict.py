from typing import Any

import pytest

from paper_exchange.server.rest.strict import (
    CREATE,
    EXECUTIONS,
    MAX_IGNORED,
    Strictness,
    check_body,
    check_query,
    parse_body,
)
from paper_exchange.types import Reject

STRICT = Strictness(strict=True)
ORDER = {
    "category": "linear",
    "symbol": "BTCUSDT",
    "side": "Buy",
    "orderType": "Limit",
    "qty": "1",
    "price": "10",
}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"qty": 1}, "qty must be a string"),
        ({"qty": "1e3"}, "Qty invalid"),
        ({"price": "1e3"}, "Price invalid"),
        ({"takeProfit": "1E3"}, "takeProfit invalid"),
        ({"slLimitPrice": 3.5}, "slLimitPrice must be a string"),
        ({"positionIdx": "0"}, "positionIdx must be an integer"),
        ({"positionIdx": True}, "positionIdx must be an integer"),
        ({"reduceOnly": "true"}, "reduceOnly must be a boolean"),
        ({"reduceOnly": 1}, "reduceOnly must be a boolean"),
        ({"orderLinkId": "x" * 37}, "longer than 36"),
        ({"orderLinkId": "a b"}, "illegal characters"),
        ({"orderLinkId": "a\n"}, "illegal characters"),
        ({"priice": "1"}, "unknown parameter priice"),
        ({"symbol": ""}, "symbol is required"),
        ({"category": "futures"}, "category invalid"),
        ({"triggerBy": "x" * 600}, "too long"),
    ],
)
def test_a_wrong_field_is_refused_by_name(change: dict[str, Any], text: str) -> None:
    with pytest.raises(Reject, match=text) as refused:
        check_body(ORDER | change, CREATE, STRICT)
    assert refused.value.ret_code == 10001


def test_empty_and_null_count_as_absent() -> None:
    assert check_body(ORDER | {"orderLinkId": "", "price": None}, CREATE, STRICT) == {
        name: value for name, value in ORDER.items() if name != "price"
    }


def test_lenient_mode_passes_what_strict_mode_refuses() -> None:
    lenient = Strictness()
    checked = check_body(ORDER | {"qty": 2, "extra": []}, CREATE, lenient)
    assert checked["qty"] == "2"
    assert "extra" not in checked
    assert lenient.ignored == {"extra"}
    with pytest.raises(Reject):
        check_body(ORDER | {"qty": 1e-7}, CREATE, lenient)


def test_the_names_that_are_ignored_are_bounded() -> None:
    lenient = Strictness()
    check_body(ORDER | {f"{'x' * 100}{n}": "1" for n in range(1000)}, CREATE, lenient)
    check_body(ORDER | {f"n{n}": "1" for n in range(1000)}, CREATE, lenient)
    assert len(lenient.ignored) == MAX_IGNORED
    assert max(map(len, lenient.ignored)) <= 64


def test_a_query_keeps_its_texts_and_checks_its_numbers() -> None:
    query = {"category": "spot", "limit": "5", "startTime": "17"}
    assert check_query(query, EXECUTIONS, STRICT) == query
    for bad in ({"limit": "five"}, {"limit": "-1"}, {"foo": "1"}, {"orderLinkId": "é"}):
        with pytest.raises(Reject):
            check_query(query | bad, EXECUTIONS, STRICT)


@pytest.mark.parametrize("raw", [b"[]", b"1", b"{", b'{"a":NaN}', b'{"a":1,"a":2}', b"\xff"])
def test_a_body_is_one_plain_object(raw: bytes) -> None:
    with pytest.raises(Reject):
        parse_body(raw)
