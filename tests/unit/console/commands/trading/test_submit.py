"""A request is read before anything is asked of a system."""

from pathlib import Path

from console.errors import ExitCode
from tests.unit.console.commands.conftest import Without


def test_a_file_that_is_missing_or_no_request_is_refused(
    without_system: Without, tmp_path: Path
) -> None:
    status, said = without_system("submit", str(tmp_path / "none.json"))
    assert status == ExitCode.USAGE and "none.json" in "".join(said.split())
    wrong = tmp_path / "wrong.json"
    wrong.write_text("[1, 2")
    status, _ = without_system("submit", str(wrong))
    assert status == ExitCode.USAGE
