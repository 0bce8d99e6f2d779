"""A user without an entry in the password file and without $HOME halts all the same."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from models.database import Database
from models.enums import TradingState
from models.tables import TradingStateRow

ROOT = Path(__file__).parents[2]
NOBODY_KNOWN = 54_321
# Python may lie below a closed directory: the way to it is all that is kept of root's rights.
_BECOME = (
    *("setpriv", f"--reuid={NOBODY_KNOWN}", f"--regid={NOBODY_KNOWN}", "--clear-groups"),
    *("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"),
)


def _as_somebody_unknown(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*_BECOME, sys.executable, "-B", *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, **variables},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def _may_start_it() -> bool:
    try:
        return _as_somebody_unknown("-c", "import console").returncode == 0
    except OSError:
        return False


@pytest.fixture(scope="module", autouse=True)
def _reachable() -> None:
    if os.geteuid() != 0 or not _may_start_it():
        pytest.skip("only root may become somebody unknown, where Python can be reached by all")


@pytest.mark.services
def test_a_halt_needs_no_entry_and_no_home(migrated_url: str) -> None:
    ended = _as_somebody_unknown(
        *("-m", "console", "halt", "--reason", "drill"), MLRISK_DATABASE_URL=migrated_url
    )
    assert "HALTED" in ended.stderr
    db = Database(migrated_url)
    try:
        with db.reading() as session:
            row = session.get_one(TradingStateRow, ("global", "*"))
            assert row.state == TradingState.HALTED
            assert f"uid {NOBODY_KNOWN}" in row.actor
    finally:
        db.dispose()
