"""Every connection has its bounds, on the client's side and on the server's."""

import pytest
from sqlalchemy.exc import OperationalError

from models.connecting import connect_args, is_crowded, server_settings


def test_bounds_are_set_and_may_be_chosen() -> None:
    found = connect_args("console", lock_timeout_ms=7, statement_timeout_ms=0, search_path="x")
    options = found["options"]
    assert found["application_name"] == "console"
    for part in ("lock_timeout=7", "statement_timeout=0", "timezone=UTC", "search_path=x"):
        assert f"-c {part}" in options
    assert found["connect_timeout"] > 0
    assert found["keepalives"] == 1


def test_no_silent_transaction_is_left_alone_by_either_side() -> None:
    assert "idle_in_transaction_session_timeout=5000" in connect_args()["options"]
    assert int(server_settings()["idle_in_transaction_session_timeout"]) > 0


@pytest.mark.parametrize(
    ("said", "crowded"),
    [
        ("FATAL: sorry, too many clients already", True),
        ("FATAL: too many connections for role", True),
        ("remaining connection slots are reserved", True),
        ("connection refused", False),
    ],
)
def test_a_full_server_is_told_from_one_that_is_away(said: str, crowded: bool) -> None:
    assert is_crowded(OperationalError("", {}, Exception(said))) is crowded
