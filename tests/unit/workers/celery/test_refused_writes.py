"""A Redis that refuses every write counts as away, so that clients try again."""

import pytest
from redis import exceptions
from redis._parsers.base import BaseParser

from workers.celery.refused_writes import WritesRefusedError, count_as_away


def test_a_refused_write_is_a_lost_connection_and_other_errors_stay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Importing the workers' app anywhere in this process has applied it already.
    redis_own = {k: v for k, v in BaseParser.EXCEPTION_CLASSES.items() if k != "MISCONF"}
    monkeypatch.setattr(BaseParser, "EXCEPTION_CLASSES", redis_own)
    before = BaseParser.parse_error("MISCONF can't write its log")
    assert not isinstance(before, exceptions.ConnectionError)
    count_as_away()
    refused = BaseParser.parse_error("MISCONF can't write its log")
    assert isinstance(refused, WritesRefusedError)
    assert isinstance(refused, exceptions.ConnectionError)
    assert not isinstance(BaseParser.parse_error("WRONGTYPE"), exceptions.ConnectionError)
