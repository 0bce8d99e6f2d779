"""freqtrade as released: its own bot loop enters, rests a stop on the exchange, and exits.

What happened is read from the exchange; what the bot believes is read from its own database.
"""

import signal
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from paper_exchange.testing import PaperExchangeProcess
from tests.conformance.drivers import SYMBOL, http
from tests.support.processes.foreign import INSTALL_SECONDS, environment, python_with
from tests.support.waiting import PATIENCE_SECONDS, eventually

RELEASE = "2026.9"
"""The newest for Python 3.11."""
ROUND_SECONDS = 3 * PATIENCE_SECONDS
"""The first start compiles freqtrade and all its libraries: twenty seconds of one processor."""
_EXAMPLE = Path(__file__).resolve().parents[2] / "examples/clients/freqtrade"
_ADDRESS = "127.0.0.1:8099"

pytestmark = [
    pytest.mark.services,
    pytest.mark.long,
    # The first run installs; a run on a busy machine waits with the patience of all others.
    pytest.mark.timeout(2 * INSTALL_SECONDS + ROUND_SECONDS + 3 * PATIENCE_SECONDS),
]


@pytest.fixture(scope="module")
def python() -> Path:
    return python_with("freqtrade", RELEASE)


@pytest.fixture
def exchange() -> Iterator[PaperExchangeProcess]:
    with PaperExchangeProcess("--market", "synthetic") as running:
        yield running


@pytest.fixture
def bot(python: Path, exchange: PaperExchangeProcess, tmp_path: Path) -> Iterator[Any]:
    """A running bot in a home of its own, with the example's configuration and strategy."""
    config = (_EXAMPLE / "config.json").read_text()
    assert _ADDRESS in config
    address = exchange.url.removeprefix("http://")
    (tmp_path / "config.json").write_text(config.replace(_ADDRESS, address))
    (tmp_path / "user").mkdir()
    with (tmp_path / "bot.log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(python, "-m", "freqtrade", "trade", "--config", "config.json"),
                *("--userdir", "user", "--db-url", "sqlite:///trades.sqlite"),
                *("--strategy", "OneRound", "--strategy-path", _EXAMPLE),
            ],
            cwd=tmp_path,
            env=environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(PATIENCE_SECONDS)
        finally:
            process.kill()
            process.wait()


@dataclass(frozen=True)
class Filled:
    """What the exchange's journal tells of one side; a market order may fill at several levels."""

    quantity: float
    price: float
    fee: float


def fills_of(exchange: PaperExchangeProcess, side: str) -> Filled:
    rows = [r["row"] for r in exchange.journal("fill") if r["row"]["side"] == side]
    quantity, value, fee = (
        float(sum(Decimal(row[name]) for row in rows))
        for name in ("execQty", "execValue", "execFee")
    )
    return Filled(quantity, value / quantity, fee)


def test_freqtrade_enters_rests_its_stop_on_the_exchange_and_exits(
    bot: Any, exchange: PaperExchangeProcess, tmp_path: Path
) -> None:
    def ended() -> list[dict[str, Any]]:
        assert bot.poll() is None, (tmp_path / "bot.log").read_text()[-3000:]
        return [r["row"] for r in exchange.journal("final") if r["row"]["triggerPrice"]]

    (stop,) = eventually(ended, "the stop to rest and to be cancelled", ROUND_SECONDS)
    assert (stop["side"], stop["reduceOnly"], stop["cancelType"]) == ("Sell", True, "CancelByUser")

    orders = exchange.journal("create")
    assert [(o["side"], bool(o["triggerPrice"]), o["reduceOnly"]) for o in orders] == [
        ("Buy", False, False),
        ("Sell", True, True),
        ("Sell", False, True),
    ]
    bought, sold = (fills_of(exchange, side) for side in ("Buy", "Sell"))
    assert bought.quantity == sold.quantity > 0
    session = http(exchange)
    assert session.get_account_info()["result"]["marginMode"] == "ISOLATED_MARGIN"
    (row,) = session.get_positions(category="linear", symbol=SYMBOL)["result"]["list"]
    assert row["side"] == ""

    def closed() -> Any:
        with closing(sqlite3.connect(tmp_path / "trades.sqlite")) as database:
            return database.execute(
                "select amount, open_rate, close_rate, fee_open_cost + fee_close_cost, "
                "stake_currency from trades where is_open = 0"
            ).fetchone()

    amount, entry, exit_, fees, coin = eventually(closed, "the bot to close its trade")
    assert coin == "USDT"
    assert amount == pytest.approx(bought.quantity)
    assert (entry, exit_) == (pytest.approx(bought.price), pytest.approx(sold.price))
    assert fees == pytest.approx(bought.fee + sold.fee)
