"""The README's example and the tutorial are run as a stranger would run them."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.cli import run
from tests.support.pages import Reader, shell_blocks
from tests.support.repository import code_blocks
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system
from tests.support.waiting import START_SECONDS

pytestmark = [pytest.mark.services, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(postgres) as running:
        yield running


def test_the_readmes_strategy_is_decided_and_filled(system: MiniSystem, tmp_path: Path) -> None:
    script = tmp_path / "strategy.py"
    script.write_text(code_blocks("README.md", "python")[0], encoding="utf-8")
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


def test_the_tutorial_leads_to_a_blocked_and_an_executed_trade(
    system: MiniSystem, tmp_path: Path
) -> None:
    reader, told = Reader(tmp_path, system.env()), {}
    for block in shell_blocks("docs/tutorial.md"):
        if block.section == "What became of it":
            system.wait(lambda: system.finished("tutorial-executed"), "its end")
        if block.section == "A trade that is executed":
            system.wait(system.market_ready, "the market")
        if not block.not_run:
            told[block.section] = told.get(block.section, "") + reader.run(block)
    blocked = told["A trade that is blocked"]
    assert "insufficient_confidence" in blocked
    assert "ACTIVE" in told["Start a system of your own"]
    parent = system.finished("tutorial-executed")
    assert parent is not None
    assert parent.filled_qty > 0, (parent.end_reason, system.all_logs())
    assert len(system.children("tutorial-executed")) >= 5
    assert "tutorial-executed" in told["Stop and go on"]
    assert system.fills()
