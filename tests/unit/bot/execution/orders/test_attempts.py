"""A failed attempt is told in bounded text, without the statement around it."""

import pytest
from sqlalchemy.exc import InterfaceError, OperationalError

from bot.errors import DependencyDown, Refused
from bot.execution.orders.attempts import MAX_FAILURE, SERVERS_AWAY, failure_text


def test_the_statement_and_its_values_are_left_out() -> None:
    error = OperationalError("SELECT secret", {"key": "k-1"}, ConnectionError("server \n is gone"))
    assert failure_text(error) == "ConnectionError: server is gone"


def test_a_failure_is_bounded_and_can_be_stored() -> None:
    told = failure_text(ValueError("x" * 10_000 + "\0"))
    assert len(told) <= MAX_FAILURE + 1, "with the sign that something was cut off"
    assert "\0" not in told
    assert told.startswith("ValueError: xxx")


@pytest.mark.parametrize(
    ("error", "away"),
    [
        (OperationalError("", {}, Exception()), True),
        (InterfaceError("", {}, Exception()), True),
        (DependencyDown("gone"), True),
        (Refused("no"), False),
        (ValueError("odd"), False),
    ],
)
def test_servers_that_are_away_are_told_from_faults(error: Exception, away: bool) -> None:
    assert isinstance(error, SERVERS_AWAY) is away
