"""A paper exchange in a process of its own, for tests and programs."""

import json
import os
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.error import HTTPError
from urllib.request import HTTPSHandler, ProxyHandler, Request, build_opener

from paper_exchange.journal import read_journal
from paper_exchange.server.accounts import DEFAULT_KEY, DEFAULT_SECRET, DEFAULT_UID

START_SECONDS = 180.0
"""A cold import of numpy and aiohttp takes a second, and much longer on a busy machine."""
STOP_SECONDS = 10.0
_POLL_SECONDS = 0.02
_ROOT = Path(__file__).resolve().parents[1]
_IS_INSTALLED = _ROOT.name in ("site-packages", "dist-packages")


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
        certificate = _option(arguments, "--tls-certificate")
        self._scheme = "" if certificate is None else "s"
        context = ssl.create_default_context(cafile=certificate)
        # Requests for loopback must not go through the machine's proxy.
        self._opener = build_opener(ProxyHandler({}), HTTPSHandler(context=context))

    @property
    def url(self) -> str:
        """The base address of REST."""
        return f"http{self._scheme}://127.0.0.1:{self.port}"

    @property
    def ws_url(self) -> str:
        """The base address of the sockets."""
        return f"ws{self._scheme}://127.0.0.1:{self.port}"

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
        with self._log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=_environment(),
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

    def act(self, action: str, **fields: Any) -> dict[str, Any]:
        """Forces an event or steers the market, such as `act("print_trade", symbol=…)`.

        The actions are those of `/control/actions`.
        """
        return self.control("POST", f"actions/{action}", fields)

    def play_scenario(self, steps: Sequence[Mapping[str, Any]]) -> None:
        """Starts a scenario with these steps, as a file has them. An earlier one ends."""
        self.control("POST", "scenario", {"steps": list(steps)})

    def set_price(self, symbol: str, **prices: str) -> None:
        """Fixes `last`, `mark` and `index` until `release_price`."""
        self.act("set_price", symbol=symbol, **prices)

    def release_price(self, symbol: str) -> None:
        """Lets the market move the symbol's prices again."""
        self.act("release_price", symbol=symbol)

    def print_trade(self, symbol: str, price: str, qty: str, side: str = "Buy") -> None:
        """Prints a public trade; `side` is the taker's."""
        self.act("print_trade", symbol=symbol, price=price, qty=qty, side=side)

    def fill_next(self, share: str, rest_after_ms: int | None = None, **which: str) -> None:
        """Fills a share of the next order, and its rest later or by `fill_rest`."""
        timing = {} if rest_after_ms is None else {"rest_after_ms": rest_after_ms}
        self.act("fill_next", share=share, **timing, **which)

    def fill_rest(self, **order: str) -> None:
        """Fills what is left of a held order, by `orderId` or `orderLinkId`."""
        self.act("fill_rest", **order)

    def hide_order(self, seconds: float | None = None, **order: str) -> None:
        """Hides an order from the lists for a time, or for ever."""
        timing = {} if seconds is None else {"seconds": seconds}
        self.act("hide_order", **timing, **order)

    def freeze_clock(self) -> int:
        """Stops exchange time; returns it, in milliseconds since 1970."""
        return int(self.act("freeze_clock")["now"])

    def step_clock(self, milliseconds: int) -> int:
        """Moves the frozen clock forward; returns exchange time in milliseconds since 1970."""
        return int(self.act("step_clock", ms=milliseconds)["now"])

    def resume_clock(self) -> None:
        """Lets exchange time run again."""
        self.act("resume_clock")

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


def _option(arguments: Sequence[str], name: str) -> str | None:
    """The value of an option among the arguments of a command line."""
    for argument, value in pairwise(arguments):
        if argument == name:
            return value
    return None


def _environment() -> dict[str, str]:
    """The process's environment. A checkout that is not installed must be found by import.

    An installed package is found anyway. Its folder on PYTHONPATH would come before the standard
    library.
    """
    if _IS_INSTALLED:
        return dict(os.environ)
    path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": path}
