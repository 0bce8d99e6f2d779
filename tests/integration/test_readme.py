"""The README's example is run as a stranger would run it."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from console.cli import run
from tests.support.repository import code_blocks
from tests.support.services import PostgresServer
from tests.support.system import mini_system
from tests.support.waiting import START_SECONDS

pytestmark = [pytest.mark.services]


def test_the_readmes_strategy_is_decided_and_filled(
    postgres: PostgresServer, tmp_path: Path
) -> None:
    script = tmp_path / "strategy.py"
    script.write_text(code_blocks("README.md", "python")[0], encoding="utf-8")
    with mini_system(postgres) as system:
        assert run(["strategy", "add", "readme", "--home", str(system.home)]) == 0
        done = subprocess.run(
            # Isolated: our working directory is not on its path.
            [sys.executable, "-I", str(script)],
            cwd=tmp_path,
            env={"MLRISK_HOME": str(system.home), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        outcome = json.loads(done.stdout)
        assert outcome["verdict"] in ("allow", "shrink"), outcome
        assert re.fullmatch(r"readme-[0-9a-f-]{36}", outcome["request_id"])
        parent = system.wait(lambda: system.finished(outcome["request_id"]), "its end")
        assert parent.filled_qty > 0, (parent.end_reason, system.all_logs())
        # Nobody was refused what he needs: neither the strategy nor a process of ours.
        assert system.redis.refusals() == []
