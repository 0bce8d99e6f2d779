"""The README's example and the tutorial are run as a stranger would run them."""

import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from console.cli import run
from tests.support.documents.pages import Block, Reader, shell_blocks
from tests.support.repository import code_blocks
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system
from tests.support.waiting import START_SECONDS, eventually

pytestmark = [pytest.mark.services, pytest.mark.timeout(1200)]


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


ASKING = ("Ask before you send", "A trade that is executed")
"""The sections in which the market of the moment may refuse the trade."""


@pytest.mark.long
def test_the_tutorial_leads_to_a_blocked_and_an_executed_trade(
    system: MiniSystem, tmp_path: Path
) -> None:
    reader = Reader(tmp_path, system.env())
    blocks = [block for block in shell_blocks("docs/tutorial.md") if not block.not_run]
    first = [block.section for block in blocks].index(ASKING[0])
    before, rest = blocks[:first], blocks[first:]
    told = "".join(map(reader.run, before))
    assert "trading state: " in told
    assert "insufficient_confidence" in told
    names = (f"tutorial-executed{number or ''}" for number in itertools.count())
    name = eventually(
        lambda: _approved(system, reader, rest, next(names)), "an approval", START_SECONDS
    )
    parent = system.wait(lambda: system.finished(name), "its end")
    assert parent.filled_qty > 0, (parent.end_reason, system.all_logs())
    assert len(system.children(name)) > 1
    after = [_with_name(block, name) for block in rest if block.section not in ASKING]
    assert name in "".join(map(reader.run, after))


def _approved(system: MiniSystem, reader: Reader, blocks: list[Block], name: str) -> str | None:
    """The name of the request if the gate lets it through."""
    system.wait(system.market_ready, "the market")
    asking = [_with_name(block, name) for block in blocks if block.section in ASKING]
    return name if all(map(reader.succeeds, asking)) else None


def _with_name(block: Block, name: str) -> Block:
    return replace(block, text=block.text.replace("tutorial-executed", name))
