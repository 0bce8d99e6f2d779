"""How a program of ours is started: its command, its environment, and the sign that it is ready."""

import http.client
import sys
from functools import partial
from pathlib import Path

from config.settings import PREFIX, KeylessSettings
from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec
from workers.supervision.ports import LOOPBACK
from workers.supervision.programs.options import Options

SERVERS = 0
"""The stage of the servers that everything else needs; migrations run when it is ready."""
PROCESSES = 1
STRATEGIES = 2
"""The last stage. Strategies stop first, so that they ask nothing of a system that is stopping."""
# The application of processes that only pass messages on and know no keys.
BROKER_APP = "workers.celery.broker"
# `python -m` finds our packages in the working directory, installed or not.
PACKAGES = Path(__file__).resolve().parents[3]
_PROBE_SECONDS = 1.0


def preloaded_process(
    home: Home, name: str, command: list[str], environment: dict[str, str]
) -> ProcessSpec:
    """A process of ours that announces itself (`workers.supervision.readiness`). While it is
    starting it may be deaf to a signal to stop."""
    return ProcessSpec(
        name,
        command,
        env=environment,
        stage=PROCESSES,
        cwd=PACKAGES,
        preloaded=True,
        ready=partial(launches.announced, home, name),
    )


def keyless_settings(options: Options) -> dict[str, str]:
    """The further settings that a process without keys knows."""
    known = {f"{PREFIX}{name.upper()}" for name in KeylessSettings.model_fields}
    return {name: value for name, value in options.settings.items() if name in known}


def runtime_environment() -> dict[str, str]:
    """The variables that every program of ours gets."""
    return {
        "PYTHONUNBUFFERED": "1",
        # A proxy for the internet must not be asked for this machine's own servers.
        "NO_PROXY": f"{LOOPBACK},localhost",
        "no_proxy": f"{LOOPBACK},localhost",
        # Small matrices gain nothing from threads, and a dozen processes would each start them.
        "OPENBLAS_NUM_THREADS": "1",
    }


def python_command(module: str, *arguments: str) -> list[str]:
    """The command that runs a module of ours."""
    return [sys.executable, "-m", module, *arguments]


def celery_command(command: str, *arguments: str, app: str = "workers.celery.app") -> list[str]:
    """The command that runs a part of Celery with one of our applications."""
    return python_command("celery", "-A", app, command, "--loglevel", "INFO", *arguments)


def answers(port: int, path: str) -> bool:
    """Whether a server on this machine answers a request with 200."""
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=_PROBE_SECONDS)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
