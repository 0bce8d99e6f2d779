"""NautilusTrader as released: connects, trades, is restarted with a position, and keeps its books.

What happened is read from the exchange; what the node believes is read from its own cache.
"""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pybit.unified_trading import HTTP

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, http
from tests.support.processes.foreign import INSTALL_SECONDS, environment, python_with
from tests.support.waiting import PATIENCE_SECONDS

RELEASES = {"1.221.0": "3.11", "1.231.0": "3.12"}
"""The newest for Python 3.11, and the newest, which needs a later Python."""
_SCRIPT = Path(__file__).resolve().parents[2] / "examples/clients/nautilus/trade.py"

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    pytest.mark.xdist_group("nautilus"),
    # The first run installs; a run on a busy machine waits with the patience of all others.
    pytest.mark.timeout(2 * INSTALL_SECONDS + 5 * PATIENCE_SECONDS),
]


@pytest.fixture(scope="module", params=RELEASES)
def python(request: pytest.FixtureRequest) -> Path:
    return python_with("nautilus_trader", request.param, interpreter=RELEASES[request.param])


def run(python: Path, exchange: PaperExchangeProcess, home: Path, *options: str) -> dict[str, Any]:
    """The node's own books after one round."""
    with (home / "node.log").open("w+b") as log:
        done = subprocess.run(
            [python, _SCRIPT, "--url", exchange.url, *options],
            cwd=home,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=2 * PATIENCE_SECONDS,
        )
    text = (home / "node.log").read_text(errors="replace")
    assert done.returncode == 0, text[-3000:]
    assert "[ERROR]" not in text, [line for line in text.splitlines() if "[ERROR]" in line]
    (line,) = (line for line in text.splitlines() if line.startswith("BOOKS "))
    return dict(json.loads(line.removeprefix("BOOKS ")))


def held(session: HTTP) -> tuple[str, str]:
    (row,) = session.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
    return row["side"], row["size"]


def executed(session: HTTP) -> list[str]:
    rows = session.get_executions(category="linear", symbol=SYMBOL, limit=100)["result"]["list"]
    return sorted(row["execId"] for row in rows)


@pytest.fixture
def exchange() -> Iterator[PaperExchangeProcess]:
    with PaperExchangeProcess("--market", "synthetic", "--symbols", SYMBOL) as running:
        yield running


def test_nautilus_trades_and_takes_its_position_over_after_a_restart(
    python: Path, exchange: PaperExchangeProcess, tmp_path: Path
) -> None:
    session = http(exchange)
    first = run(python, exchange, tmp_path, "--keep")
    assert first["taken_over"] == []
    assert first["open"] == ["0.010"]
    assert sorted(first["orders"].values()) == ["CANCELED", "FILLED"]
    assert held(session) == ("Buy", "0.010")
    assert first["fills"] == executed(session)
    assert [row["price"] for row in exchange.journal("amend")]

    second = run(python, exchange, tmp_path, "--close", "--socket")
    assert second["taken_over"] == ["0.010"]
    assert second["open"] == []
    assert sorted(second["orders"].values()) == ["CANCELED", "FILLED", "FILLED"]
    assert held(session)[0] == ""
    assert second["fills"] == executed(session)
