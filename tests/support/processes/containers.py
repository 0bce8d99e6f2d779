"""The system of docker-compose.yml in a real engine, and the questions that tests ask it.

`.ci/engine` starts the engine: `make containers` runs the tests that need one.
"""

import json
import os
import shutil
import signal
import subprocess
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT, run_make, text_of
from tests.support.waiting import START_SECONDS, eventually

_COMMAND_SECONDS = 300
# The demo strategy loses on a synthetic market, and what is proven here is how trades are worked.
_LIFTED = {
    "gate": {"max_repeated_orders": 1_000_000},
    "emergency_stops": {"max_consecutive_losses": 1_000_000},
}
_UNCHECKED = {"migrate", "demo-strategy"}
"""Services without a health check."""


class Containers:
    """One project of docker-compose.yml, with secrets of its own."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def docker(self, *words: str) -> str:
        """What docker prints."""
        return _run("docker", *words, directory=self.directory).stdout

    def compose(self, *words: str) -> str:
        """What docker compose prints."""
        return self.docker("compose", *words)

    def up(self, *words: str) -> None:
        """As the README says; the image is there already."""
        self.compose("up", "--detach", *words)

    def facts(self) -> list[dict[str, Any]]:
        """What the engine knows of each container, ended ones as well."""
        names = self.compose("ps", "--all", "--quiet").split()
        found: list[dict[str, Any]] = json.loads(self.docker("inspect", *names)) if names else []
        return found

    def of(self, service: str) -> list[dict[str, Any]]:
        """What the engine knows of a service's containers."""
        return [facts for facts in self.facts() if service_of(facts) == service]

    def sick(self) -> dict[str, str]:
        """Each container that doesn't do its work, by its own health check, and its state."""
        found = {}
        for facts in self.facts():
            state = facts["State"]
            told = state.get("Health", {}).get("Status", state["Status"])
            if service_of(facts) == "migrate":
                well = state["Status"] == "exited" and state["ExitCode"] == 0
            else:
                well = told == ("running" if service_of(facts) in _UNCHECKED else "healthy")
            if not well:
                found[facts["Name"]] = told
        return found

    def wait_until_healthy(self) -> None:
        """Fails with the containers that are not, and what their checks said."""
        try:
            eventually(lambda: not self.sick(), "every container's health", START_SECONDS)
        except AssertionError as error:
            error.add_note(str(self.sick()))
            raise

    def crash(self, service: str) -> None:
        """SIGKILL of each main process, as by a lack of memory: the engine starts it again."""
        for facts in self.of(service):
            os.kill(facts["State"]["Pid"], signal.SIGKILL)

    def mlrisk(self, *words: str) -> tuple[int, dict[str, Any]]:
        """Exit status and JSON of a command where an operator works."""
        done = _run(
            *("docker", "compose", "exec", "-T", "worker-emergency", "mlrisk", *words, "--json"),
            directory=self.directory,
            check=False,
        )
        assert done.stdout.startswith("{"), done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return done.returncode, facts

    def doctor_is_content(self) -> bool:
        """Every invariant is checked and holds, and nothing is ill."""
        return self.mlrisk("doctor")[0] == 0

    def sql(self, query: str) -> list[str]:
        """The rows of one column."""
        return self.compose(
            *("exec", "-T", "postgres", "psql", "--username", "mlrisk", "--dbname", "mlrisk"),
            *("--no-align", "--tuples-only", "--command", query),
        ).split()

    def tasks_done(self) -> dict[str, Counter[str]]:
        """How many tasks of each module every Celery worker has begun, as the workers say."""
        inspect = ("celery", "-A", "workers.celery.broker", "inspect", "stats", "--json")
        answers = json.loads(self.compose("exec", "-T", "worker-reporting", *inspect))
        done: dict[str, Counter[str]] = defaultdict(Counter)
        for worker, answer in answers.items():
            for task, count in answer["total"].items():
                done[worker][task.rpartition(".")[0]] += count
        return done

    def counts(self) -> Counter[str]:
        """How many rows there are of what must never get less."""
        tables = ("audit_entry", "decision", "trade_request", "child_order", "fill")
        union = " UNION ALL ".join(f"SELECT '{name}:' || count(*) FROM {name}" for name in tables)
        pairs = (line.split(":") for line in self.sql(union))
        return Counter({name: int(count) for name, count in pairs})


def service_of(facts: dict[str, Any]) -> str:
    """The service of the compose file that a container belongs to."""
    return str(facts["Config"]["Labels"]["com.docker.compose.service"])


@contextmanager
def containers(directory: Path) -> Iterator[Containers]:
    """The compose file's system with a demo strategy, all healthy; ends with its volumes."""
    if "PRIVATE_ENGINE" not in os.environ:
        pytest.skip(os.environ.get("NO_ENGINE", "`make containers` starts the engine for this"))
    shutil.copy(ROOT / "docker-compose.yml", directory)
    shutil.copy(ROOT / "Makefile", directory)
    limits = directory / "config" / "ml_risk_config.yaml"
    limits.parent.mkdir()
    document = yaml.safe_load(text_of("config/ml_risk_config.yaml"))
    limits.write_text(yaml.safe_dump({**document, "overrides": _LIFTED}), encoding="utf-8")
    run_make("secrets", cwd=directory)
    (directory / ".env").write_text("COMPOSE_PROFILES=paper,demo\n", encoding="utf-8")
    running = Containers(directory)
    try:
        running.up()
        running.wait_until_healthy()
        yield running
    finally:
        running.compose("down", "--volumes", "--timeout", "5")


def _run(*words: str, directory: Path, check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        words,
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_COMMAND_SECONDS,
    )
    assert not check or done.returncode == 0, f"{words}: {done.stdout} {done.stderr}"
    return done
