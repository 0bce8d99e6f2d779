"""Without a system there is nothing to stop."""

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_a_home_without_a_system_is_named(without_system: Without) -> None:
    status, said = without_system("down")
    assert status == ExitCode.DEPENDENCY_DOWN
    assert "no system runs" in " ".join(said.split())
