"""The screen of a home without a system."""

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_without_a_database_the_screen_says_what_to_start(without_system: Without) -> None:
    status, said = without_system("screen", "--once")
    assert status in (ExitCode.USAGE, ExitCode.DEPENDENCY_DOWN)
    assert "mlrisk up" in said
