"""Starts a paper exchange for tests: as a process of its own, and as a pytest fixture.

In a `conftest.py`:

    from paper_exchange.testing import paper_exchange

and then in a test:

    def test_buys(paper_exchange):
        session = HTTP(api_key=paper_exchange.api_key, api_secret=paper_exchange.api_secret)
        session.endpoint = paper_exchange.url
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from paper_exchange.journal import read_journal
from paper_exchange.server.accounts import DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_UID

START_SECONDS = 180.0
"""A cold import of numpy and aiohttp takes a second, and much longer on a busy machine."""
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_ROOT = Path(__file__).resolve().parents[1]


class PaperExchangeProcess:
    """One server process with its files in `home`; start, stop, kill and restart it at will.

    The port stays the same over restarts. `arguments` are those of the command line.
    """

    api_key = DEFAULT_KEY
    api_secret = DEFAULT_SECRET
    uid = DEFAULT_UID

    def __init__(self, *arguments: str, home: Path | None = None, port: int = 0) -> None:
        self._own_home = tempfile.TemporaryDirectory(prefix="paper-") if home is None else None
        self.home = Path(self._own_home.name) if self._own_home is not None else Path(home or ".")
        self.arguments: Sequence[str] = arguments
        self.port = port
        self.journal_path = self.home / "journal.jsonl"
        self._log_path = self.home / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        # Requests for loopback must not go through the machine's proxy.
        self._opener = build_opener(ProxyHandler({}))

    @property
    def url(self) -> str:
        """The base address of REST."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The base address of the sockets."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when no process runs."""
        if self._process is None:
            raise RuntimeError("the paper exchange is not running")
        return self._process.pid

    def start(self) -> "PaperExchangeProcess":
        """Starts the process and returns once it listens.

        Raises RuntimeError when the process ends before.
        """
        port_file = self.home / "port"
        port_file.unlink(missing_ok=True)
        command = [
            *(sys.executable, "-m", "paper_exchange.main"),
            *("--port", str(self.port), "--port-file", str(port_file)),
            *("--journal", str(self.journal_path), "--parent", str(os.getpid())),
            *self.arguments,
        ]
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": path},
            )
        deadline = time.monotonic() + START_SECONDS
        while not port_file.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the paper exchange did not start:\n{self.log()}")
            time.sleep(_POLL_SECONDS)
        self.port = int(port_file.read_text())
        return self

    def stop(self) -> int:
        """Sends SIGTERM; returns the exit status, 0 for a clean stop."""
        if self._process is None:
            return 0
        self._process.terminate()
        try:
            status = self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"the paper exchange did not stop:\n{self.log()}") from None
        self._process = None
        return status

    def kill(self) -> None:
        """Sends SIGKILL, as in a crash of the exchange."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def close(self) -> None:
        """Kills the process and removes a temporary home."""
        self.kill()
        if self._own_home is not None:
            self._own_home.cleanup()

    def log(self) -> str:
        """The process's output so far."""
        return self._log_path.read_text() if self._log_path.exists() else ""

    def journal(self, *kinds: str) -> list[dict[str, Any]]:
        """The records of the exchange's journal, by kind; see `paper_exchange.journal`."""
        records = read_journal(self.journal_path)
        return [record for record in records if not kinds or record["kind"] in kinds]

    def control(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """Calls the control API. It needs `--control` among the arguments."""
        data = json.dumps(body).encode() if body is not None else None
        request = Request(f"{self.url}/control/{path}", data, method=method)  # noqa: S310
        try:
            with self._opener.open(request, timeout=10) as reply:
                answer: dict[str, Any] = json.load(reply)
        except HTTPError as error:
            text = error.read().decode()
            raise RuntimeError(f"{method} /control/{path}: {error.code} {text}") from None
        return answer

    def fault(self, name: str, **options: Any) -> dict[str, Any]:
        """Switches a fault on; `p`, `n`, `seed`, `endpoint` and the fault's own options."""
        return self.control("POST", "faults", {"name": name, **options})

    def clear_faults(self) -> None:
        """Switches every fault off."""
        self.control("DELETE", "faults")

    def __enter__(self) -> "PaperExchangeProcess":
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


@pytest.fixture(scope="session")
def paper_exchange() -> Iterator[PaperExchangeProcess]:
    """A seeded synthetic market, no request limits, control API on."""
    arguments = ("--market", "synthetic", "--control", "--order-rate", "0", "--read-rate", "0")
    with PaperExchangeProcess(*arguments, "--ip-rate", "0") as exchange:
        yield exchange
