"""Blocks are counted by what was asked for, and nothing else is guessed."""

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_a_grouping_of_worth_needs_the_worth(without_system: Without) -> None:
    status, said = without_system("blocks", "--by", "strategy")
    assert status == ExitCode.USAGE
    assert "--by belongs to --value" in said


def test_without_a_database_the_command_says_what_to_start(without_system: Without) -> None:
    status, said = without_system("blocks", "--value")
    assert status == ExitCode.USAGE
    assert "mlrisk up" in said
