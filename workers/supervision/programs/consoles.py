"""The processes that people look at: Flower and the browser console."""

from functools import partial
from importlib.util import find_spec

from models.roles import DatabaseLogins
from workers.home import Home
from workers.supervision.launches import ProcessSpec
from workers.supervision.ports import LOOPBACK
from workers.supervision.programs.starting import (
    BROKER_APP,
    PACKAGES,
    PROCESSES,
    answers,
    celery_command,
    python_command,
)

FLOWER_USER = "mlrisk"
WEB = "web"
"""The browser console: its process, and its port's name in the home."""
WEB_LINK_KEY = "web-link-key"
"""The home's secret of one-time links to the browser console."""
_WEB_PACKAGES = ("fastapi", "jinja2", "python_multipart", "sse_starlette", "uvicorn")


def flower_login(home: Home) -> tuple[str, str]:
    """Return user and password of the home's Flower."""
    return FLOWER_USER, home.secret("flower-password")


def flower_process(home: Home, port: int, environment: dict[str, str]) -> ProcessSpec:
    """Flower behind its login."""
    user, password = flower_login(home)
    return ProcessSpec(
        "flower",
        celery_command("flower", f"--address={LOOPBACK}", f"--port={port}", app=BROKER_APP),
        # Not on the command line, where every user of the machine could read it.
        env={**environment, "FLOWER_BASIC_AUTH": f"{user}:{password}"},
        stage=PROCESSES,
        cwd=PACKAGES,
        ready=partial(answers, port, "/healthcheck"),
    )


def has_web() -> bool:
    """Whether the packages of the extra `web` are installed."""
    return all(find_spec(name) is not None for name in _WEB_PACKAGES)


def web_process(
    home: Home, port: int, environment: dict[str, str], logins: DatabaseLogins
) -> ProcessSpec:
    """The browser console and the REST interface. It shows by a role that reads alone, acts as the
    commands do, and verifies the signatures of submitted requests."""
    home.secret(WEB_LINK_KEY)
    environment = {
        **environment,
        "MLRISK_DATABASE_URL": logins.of_viewer,
        "MLRISK_OPERATOR_DATABASE_URL": logins.operator,
    }
    return ProcessSpec(
        WEB,
        python_command("console.web.main", "--port", str(port)),
        env=environment,
        stage=PROCESSES,
        cwd=PACKAGES,
        ready=partial(answers, port, "/healthz"),
    )
