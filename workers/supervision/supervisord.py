"""Speaks to supervisord: its configuration file and its calls over a unix socket."""

import configparser
import http.client
import io
import os
import shlex
import socket
import xmlrpc.client
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot.errors import DependencyDown
from workers.home import Home
from workers.supervision import launches
from workers.supervision.launches import ProcessSpec

_LOG_BYTES = "10MB"
_LOG_BACKUPS = "3"
_CALL_TIMEOUT_SECONDS = 10.0
# The number of descriptors that a new child closes, one by one, before it becomes its program.
# Until then it is deaf to signals. All our descriptors but the first three close by themselves.
_DESCRIPTORS = 64


class SupervisorCallError(DependencyDown):
    """supervisord refused a call or did not answer it."""


def group_name(stage: int) -> str:
    """Name the group of one stage; supervisord stops whole groups in order."""
    return f"stage{stage}"


def stage_of(group: str) -> int:
    """Return the stage that a group's name stands for."""
    return int(group.removeprefix("stage"))


def configuration(home: Home, socket_path: Path, specs: Sequence[ProcessSpec]) -> str:
    """Write supervisord's configuration. It holds no command, no environment and no secret.

    Its paths are relative to the home, where supervisord runs, because supervisord trips over a %
    in a log file's path. Restarts are unlimited and evenly spaced. supervisord's own back-off grows
    with each attempt and gives up in the end. `startsecs=0` therefore turns it off, and the
    launcher spaces the starts.
    """
    parser = configparser.RawConfigParser()
    parser["supervisord"] = {
        "nodaemon": "true",
        "silent": "true",  # its log is a file; only a failure to start goes to its output
        "logfile": str(launches.log_file(home, "supervisord").relative_to(home.path)),
        "logfile_maxbytes": _LOG_BYTES,
        "logfile_backups": _LOG_BACKUPS,
        "pidfile": f"{home.run.name}/supervisord.pid",
        "childlogdir": home.logs.name,
        "minfds": str(_DESCRIPTORS),
        "umask": "077",
        # Without it supervisord warns at each start that it keeps root's rights.
        **({"user": "root"} if os.geteuid() == 0 else {}),
    }
    parser["unix_http_server"] = {"file": str(socket_path), "chmod": "0700"}
    parser["rpcinterface:supervisor"] = {
        "supervisor.rpcinterface_factory": "supervisor.rpcinterface:make_main_rpcinterface"
    }
    for spec in specs:
        parser[f"program:{spec.name}"] = {
            "command": shlex.join(launches.command(home, spec.name)),
            "autostart": "false",
            "autorestart": "true" if spec.autorestart else "false",
            "startsecs": "0",
            "stopsignal": spec.stop_signal,
            # Last resort: our own stop kills earlier, and so knows that it had to.
            "stopwaitsecs": str(spec.stop_wait_seconds + 1),
            "killasgroup": "true",
            "redirect_stderr": "true",
            "stdout_logfile": str(launches.log_file(home, spec.name).relative_to(home.path)),
            "stdout_logfile_maxbytes": _LOG_BYTES,
            "stdout_logfile_backups": _LOG_BACKUPS,
        }
    for stage in sorted({spec.stage for spec in specs}):
        members = ",".join(spec.name for spec in specs if spec.stage == stage)
        parser[f"group:{group_name(stage)}"] = {"programs": members, "priority": str(stage)}
    text = io.StringIO()
    parser.write(text)
    # supervisord expands %(name)s in every value.
    return text.getvalue().replace("%", "%%")


def call(socket_path: Path, method: str, *arguments: Any) -> Any:
    """Call one method of supervisord's interface."""
    transport = _UnixTransport(socket_path)
    proxy = xmlrpc.client.ServerProxy("http://supervisord/RPC2", transport=transport)
    try:
        with proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except xmlrpc.client.Fault as fault:
        raise SupervisorCallError(f"supervisord refused {method}: {fault.faultString}") from fault
    except (OSError, http.client.HTTPException, xmlrpc.client.ProtocolError) as error:
        raise SupervisorCallError(f"supervisord did not answer {method}: {error}") from error


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("supervisord", timeout=_CALL_TIMEOUT_SECONDS)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class _UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002
        return _UnixConnection(self._path)
