"""The examples of clients run as they are against the paper exchange."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from paper_exchange.testing import PaperExchangeProcess
from tests.support.processes.foreign import node_with

pytestmark = [pytest.mark.services, pytest.mark.long]

EXAMPLES = Path(__file__).parents[2] / "examples" / "clients"
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


def test_bybit_api_of_npm_trades(paper_exchange: PaperExchangeProcess) -> None:
    node, modules = node_with("bybit-api", "4.7.7")
    example = EXAMPLES / "with_bybit_api.js"
    assert "bought 0.010 at" in run(node, example, paper_exchange.url, NODE_PATH=str(modules))
