"""The reporting queue's tasks that need no server."""

from tasks.reporting import ping


def test_a_ping_gives_back_what_it_was_given_however_often() -> None:
    assert ping("x") == "x"
    assert ping("x") == "x"
