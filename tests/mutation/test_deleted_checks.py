"""The mutation run over the registry, as a test."""

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.long
def test_deleting_any_check_makes_a_test_fail() -> None:
    script = Path(__file__).with_name("run_checks.py")
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SURVIVED" not in done.stdout
