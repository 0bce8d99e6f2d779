"""What containers ask: each probe says yes of a process that works, and no of one that doesn't."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system
from tests.support.waiting import START_SECONDS

pytestmark = pytest.mark.services
ROOT = Path(__file__).parents[3]


def _ask(system: MiniSystem, *words: str) -> tuple[int, str]:
    """With the logins of the process that is asked about, as in its container."""
    asked = system.workers.get(words[0])
    done = subprocess.run(
        [sys.executable, "-m", "workers.healthcheck", *words],
        cwd=ROOT,
        env=system.env() if asked is None else asked.env,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    return done.returncode, done.stderr


@pytest.mark.long
def test_each_probe_tells_a_working_process_from_one_that_ended(postgres: PostgresServer) -> None:
    with mini_system(postgres, queues=("monitoring",)) as system:
        time_url = f"{system.exchange.url}/v5/market/time"
        asked = (("feed",), ("beat",), ("url", time_url))
        for words in asked:
            assert _ask(system, *words) == (0, ""), words

        system.workers["beat"].stop()
        system.wait(lambda: _ask(system, "beat")[0] == 1, "beat's lock to end")
        system.exchange.stop()
        assert _ask(system, "url", time_url)[0] == 1


def test_an_unreachable_server_is_unhealthy_and_its_password_stays_unsaid() -> None:
    env = {
        "MLRISK_DATABASE_URL": "postgresql+psycopg://u:hidden-word@127.0.0.1:1/x",
        "MLRISK_REDIS_URL": "redis://:hidden-word@127.0.0.1:1",
    }
    for words in (("feed",), ("beat",)):
        done = subprocess.run(
            [sys.executable, "-m", "workers.healthcheck", *words],
            cwd=ROOT,
            env={"PATH": "/usr/bin:/bin", **env},
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 1
        assert "hidden-word" not in done.stderr + done.stdout


@pytest.mark.parametrize("words", [(), ("nothing",), ("url",), ("worker", "more")])
def test_a_wrong_question_is_told_from_a_sick_process(words: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.healthcheck", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=START_SECONDS,
    )
    assert done.returncode == 2
    assert "usage" in done.stderr
