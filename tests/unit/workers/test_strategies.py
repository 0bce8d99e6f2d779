"""Strategies of a home: their files are private, and their names are plain."""

import pytest

from bot.errors import Refused
from workers import strategies


@pytest.mark.parametrize("name", ["", "A", "../x", "a b", "a" * 33])
def test_a_name_that_could_be_a_path_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="strategy's name"):
        strategies.checked(name)


def test_the_command_for_another_server_shows_a_placeholder() -> None:
    told = strategies.rules_for_another_server("demo")
    assert told.startswith("ACL SETUSER strategy-demo on >PASSWORD ")
    assert "#" not in told
