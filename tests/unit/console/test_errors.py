"""An error with a known cause is one line and an exit code; a defect of ours is neither."""

import pytest
from psycopg import errors as pg
from sqlalchemy.exc import DBAPIError

from bot.errors import DependencyDown, Refused
from config.settings import SettingsError
from console.errors import CommandError, ExitCode, explain


def of_postgres(cause: Exception) -> DBAPIError:
    return DBAPIError("SELECT 1", None, cause)


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (CommandError("no", ExitCode.HALTED), ExitCode.HALTED, "no"),
        (SettingsError("MLRISK_X is wrong"), ExitCode.USAGE, "MLRISK_X is wrong"),
        (DependencyDown("away", code="x"), ExitCode.DEPENDENCY_DOWN, "away"),
        (Refused("never"), ExitCode.FAILED, "never"),
        (of_postgres(pg.UndefinedTable("x")), ExitCode.USAGE, "mlrisk migrate"),
        (of_postgres(pg.InsufficientPrivilege("no right")), ExitCode.USAGE, "no right"),
        (of_postgres(pg.OperationalError("refused\nmore")), ExitCode.DEPENDENCY_DOWN, "(refused)"),
        (of_postgres(pg.InterfaceError()), ExitCode.DEPENDENCY_DOWN, "(InterfaceError)"),
    ],
)
def test_a_known_cause_has_its_line_and_code(error: Exception, code: ExitCode, said: str) -> None:
    found = explain(error)
    assert found is not None
    assert found.exit_code is code
    assert said in found.message
    assert "\n" not in found.message


@pytest.mark.parametrize("defect", [KeyError("x"), of_postgres(pg.UniqueViolation("twice"))])
def test_a_defect_of_ours_is_not_explained_away(defect: Exception) -> None:
    assert explain(defect) is None


def test_exit_codes_are_documented_and_never_renumbered() -> None:
    assert {code.name: code.value for code in ExitCode} == {
        **{"OK": 0, "FAILED": 1, "USAGE": 2, "BLOCKED": 3, "HALTED": 4, "DEPENDENCY_DOWN": 5},
        "INTERRUPTED": 130,
    }
