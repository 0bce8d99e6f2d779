"""Everything after the verb belongs to the paper exchange's own parser."""

from tests.unit.console.commands.conftest import Without


def test_its_help_is_the_exchanges_own(without_system: Without) -> None:
    status, said = without_system("paper-exchange", "--help")
    assert status == 0
    assert "--state-dir" in said


def test_its_refusals_are_the_exchanges_own(without_system: Without) -> None:
    status, said = without_system("paper-exchange", "--nonsense")
    assert status == 2
    assert "--nonsense" in said
