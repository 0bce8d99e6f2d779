"""Who may use the control door, and how a form's fields are read."""

import pytest

from paper_exchange.server.faults.catalogue import FaultError
from paper_exchange.server.faults.control import _typed, is_foreign


@pytest.mark.parametrize(
    ("headers", "foreign"),
    [
        ({"Host": "127.0.0.1:8099"}, False),
        ({"Host": "localhost:8099"}, False),
        ({"Host": "localhost"}, False),
        ({"Host": "[::1]:8099"}, False),
        ({"Host": "127.0.0.1:8099", "Origin": "http://127.0.0.1:8099"}, False),
        ({"Host": "127.0.0.1:8099", "Origin": "http://127.0.0.1:80"}, True),
        ({"Host": "127.0.0.1:8099", "Origin": "https://example.org"}, True),
        ({"Host": "127.0.0.1:8099", "Origin": "null"}, True),
        ({"Host": "rebound.example.org:8099"}, True),
        ({"Host": "127.0.0.1.example.org:8099"}, True),
        ({}, True),
    ],
)
def test_pages_of_other_sites_and_foreign_names_are_told(
    headers: dict[str, str], foreign: bool
) -> None:
    assert is_foreign(headers) is foreign


def test_empty_fields_are_left_out_and_numbers_are_read() -> None:
    fields = {"ms": "1000", "symbol": "X", "price": ""}
    assert _typed(fields, {"ms"}) == {"ms": 1000, "symbol": "X"}
    with pytest.raises(FaultError, match="not a whole number"):
        _typed({"ms": "soon"}, {"ms"})
