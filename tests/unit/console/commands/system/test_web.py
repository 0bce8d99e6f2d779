"""Where no browser console runs, the command says how one is started."""

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_no_link_is_drawn_for_a_console_that_does_not_run(without_system: Without) -> None:
    status, said = without_system("web")
    assert status in (ExitCode.USAGE, ExitCode.DEPENDENCY_DOWN)
    assert "token=" not in said
    assert "mlrisk up" in said
