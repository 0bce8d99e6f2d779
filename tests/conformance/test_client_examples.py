"""The examples of clients run as they are against the paper exchange."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from paper_exchange.testing import PaperExchangeProcess

pytestmark = [pytest.mark.services, pytest.mark.long]

EXAMPLES = Path(__file__).parents[2] / "examples" / "clients"
BYBIT_API = "bybit-api@4.7.7"
OLDEST_NODE = 20
"""Older ones lack `crypto`, with which bybit-api signs."""
SECONDS = 150


def run(*command: str | Path, **environment: str) -> str:
    """The output of a program that must succeed."""
    plain = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=SECONDS, env=plain | environment
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    ("name", "last"),
    [
        ("with_pybit.py", "Filled"),
        ("with_ccxt.py", "long 0.01 at"),
        ("with_ccxt_pro.py", "buy 0.0"),
    ],
)
def test_a_python_client_trades(paper_exchange: PaperExchangeProcess, name: str, last: str) -> None:
    assert last in run(sys.executable, EXAMPLES / name, paper_exchange.url)


@pytest.fixture(scope="module")
def node_modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where bybit-api is installed with what it needs, as npm ships it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("Node.js and npm are not installed")
    version = run(node, "--version").strip()
    if int(version[1:].partition(".")[0]) < OLDEST_NODE:
        pytest.skip(f"Node.js {version} is older than {OLDEST_NODE}")
    home = tmp_path_factory.mktemp("npm")
    fetched = subprocess.run(
        [
            npm,
            "install",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--prefix",
            home,
            BYBIT_API,
        ],
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    if fetched.returncode != 0:
        pytest.skip(f"npm has not fetched {BYBIT_API}: {fetched.stderr[-200:]}")
    return home / "node_modules"


def test_bybit_api_of_npm_trades(paper_exchange: PaperExchangeProcess, node_modules: Path) -> None:
    told = run(
        "node", EXAMPLES / "with_bybit_api.js", paper_exchange.url, NODE_PATH=str(node_modules)
    )
    assert "bought 0.010 at" in told
