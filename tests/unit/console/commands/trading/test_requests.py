"""The newest requests of a home without a system."""

import pytest

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_without_a_database_the_command_says_what_to_start(without_system: Without) -> None:
    status, said = without_system("requests", "--json")
    assert status == ExitCode.USAGE
    assert "mlrisk up" in said


@pytest.mark.parametrize("count", ["0", "10001", "many"])
def test_a_number_of_requests_is_bounded(without_system: Without, count: str) -> None:
    status, said = without_system("requests", "--last", count)
    assert status == ExitCode.USAGE
    assert "--last" in said
