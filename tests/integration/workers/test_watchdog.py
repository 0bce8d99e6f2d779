"""The watchdog's process against Postgres and the paper exchange."""

import contextlib
import os
import signal
import socket
import socketserver
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from sqlalchemy.dialects.postgresql import insert

from bot.exchange.bybit.config import BybitConfig, BybitMode
from bot.exchange.bybit.http import BybitExchange
from models.database import Database
from models.tables import AuditRow
from models.tables.safety import SYSTEM_HEARTBEAT, HeartbeatRow
from paper_exchange.testing import PaperExchangeProcess
from tests.support.services import PostgresServer
from tests.support.waiting import eventually
from workers.watchdog.journal import Journal
from workers.watchdog.venue import CancelOnlyVenue, adding
from workers.watchdog.watch import OUR_PREFIX, WATCHDOG_ACTED

pytestmark = pytest.mark.services

KEY, SECRET = "paper-watchdog-key", "paper-watchdog-secret"
SYMBOL = "BTCUSDT"
runs = count(1)


@pytest.fixture(scope="module")
def paper() -> Iterator[PaperExchangeProcess]:
    arguments = ("--market", "synthetic", "--seed", "11", "--balances", "USDT=100000")
    with PaperExchangeProcess(*arguments) as server:
        yield server


@pytest.fixture
def exchange(paper: PaperExchangeProcess) -> Iterator[BybitExchange]:
    made = BybitExchange(
        BybitConfig(
            api_key=SecretStr(paper.api_key),
            api_secret=SecretStr(paper.api_secret),
            mode=BybitMode.PAPER,
            endpoint=paper.url,
        )
    )
    yield made
    made._session.write("cancel_all_orders", category="linear", settleCoin="USDT")
    made.close()


def place(exchange: BybitExchange, link: str, **more: object) -> None:
    body = {
        "category": "linear",
        "symbol": SYMBOL,
        "side": "Buy",
        "orderType": "Limit",
        "qty": "0.001",
        "price": "20000",
        "timeInForce": "GTC",
        "orderLinkId": link,
        **more,
    }
    exchange._session.write("place_order", **body)


@dataclass(frozen=True)
class Placed:
    """Orders that rest; ids are never used twice."""

    entries: set[str]
    others: set[str]
    """An order of a person, and a stop."""


def place_each_kind(exchange: BybitExchange, count: int) -> Placed:
    run = next(runs)
    entries = {f"mr-entry-{run}-{number}" for number in range(count)}
    for link in sorted(entries):
        place(exchange, link)
    by_hand, protects = f"by-hand-{run}", f"mr-stop-{run}"
    place(exchange, by_hand)
    place(exchange, protects, triggerPrice="10000", triggerDirection=2, triggerBy="MarkPrice")
    return Placed(entries, {by_hand, protects})


def links(exchange: BybitExchange) -> set[str]:
    return {order.order_link_id for order in exchange._all_open()}


def beat(db: Database) -> None:
    values = {"pid": 1, "at": datetime.now(UTC), "details": {}}
    with db.transaction() as session:
        session.execute(
            insert(HeartbeatRow)
            .values(name=SYSTEM_HEARTBEAT, **values)
            .on_conflict_do_update(index_elements=["name"], set_=values)
        )


@dataclass
class Life:
    """Somebody who gives a sign of life twice a second until it falls silent."""

    db: Database
    signs: list[datetime] = field(default_factory=list)
    silent: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.thread = threading.Thread(target=self._live, daemon=True)
        self.thread.start()

    def _live(self) -> None:
        while not self.silent.wait(0.5):
            beat(self.db)
            self.signs.append(datetime.now(UTC))

    def go_on(self) -> None:
        """Waits for some more signs."""
        heard = len(self.signs)
        eventually(lambda: len(self.signs) > heard + 6)

    def end(self) -> None:
        self.silent.set()
        self.thread.join(60)


@pytest.fixture
def life(migrated_url: str) -> Iterator[Life]:
    db = Database(migrated_url)
    living = Life(db)
    yield living
    living.end()
    db.dispose()


@pytest.fixture
def database_url(postgres: PostgresServer, migrated_url: str) -> str:
    """The address with the role that the watchdog has under `mlrisk up`."""
    return postgres.logins(migrated_url).audit


@contextmanager
def watchdog(
    journal: Path, database_url: str, exchange_url: str, *before: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The process, once it watches. `before` are the words of a command that runs it."""
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("MLRISK_")},
        "MLRISK_DATABASE_URL": database_url,
        "MLRISK_EXCHANGE_URL": exchange_url,
        "MLRISK_WATCHDOG_API_KEY": KEY,
        "MLRISK_WATCHDOG_API_SECRET": SECRET,
    }
    command = [*before, sys.executable, "-m", "workers.watchdog.main", str(journal)]
    process = subprocess.Popen(command, env=environment)
    try:
        eventually(journal.with_suffix(".alive").exists)
        yield process
    finally:
        process.kill()
        process.wait(60)


def audited(db: Database) -> list[str]:
    with db.reading() as session:
        return list(session.scalars(sa.select(AuditRow.kind)))


def test_the_client_tells_what_adds_from_what_protects(
    paper: PaperExchangeProcess, exchange: BybitExchange
) -> None:
    placed = place_each_kind(exchange, 2)
    venue = CancelOnlyVenue(paper.url, SecretStr(KEY), SecretStr(SECRET))
    assert venue.key_faults() == []
    found = adding(venue.resting(), OUR_PREFIX)
    assert {order.order_link_id for order in found} == placed.entries
    for order in found:
        venue.cancel(order)
        venue.cancel(order)  # it has ended
    assert eventually(lambda: links(exchange) == placed.others)
    venue.cancel_all()
    assert eventually(lambda: links(exchange) == {n for n in placed.others if "stop" in n})


def test_the_process_cancels_for_a_silent_system_and_tells_it_afterwards(
    paper: PaperExchangeProcess,
    exchange: BybitExchange,
    database_url: str,
    life: Life,
    tmp_path: Path,
) -> None:
    journal = tmp_path / "watchdog.jsonl"
    with watchdog(journal, database_url, paper.url) as process:
        placed = place_each_kind(exchange, 3)
        life.go_on()
        assert placed.entries <= links(exchange)
        life.end()
        assert eventually(lambda: links(exchange) == placed.others)
        assert len(Journal(journal).unrecorded()) == 1
        assert WATCHDOG_ACTED not in audited(life.db)
        back = Life(life.db)
        assert eventually(lambda: WATCHDOG_ACTED in audited(life.db))
        assert eventually(lambda: Journal(journal).unrecorded() == {})
        back.end()
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0


def run(*words: str) -> None:
    subprocess.run(words, check=True, capture_output=True)


@contextmanager
def relay(address: str, port: int) -> Iterator[int]:
    """Passes connections to this address on to a port of 127.0.0.1; yields the address's port."""

    class Passing(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            with socket.create_connection(("127.0.0.1", port)) as inner:
                back = threading.Thread(target=_pass_on, args=(inner, self.request), daemon=True)
                back.start()
                _pass_on(self.request, inner)

    with socketserver.ThreadingTCPServer((address, 0), Passing) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield int(server.server_address[1])
        server.shutdown()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def apart() -> Iterator[tuple[str, str, str]]:
    """A network namespace, and two addresses of this machine that it reaches."""
    name = f"wd{os.getpid() % 100_000}"
    database, exchange = "10.213.77.1", "10.213.77.2"
    try:
        run("ip", "netns", "add", name)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"this machine lets us make no network namespace: {type(error).__name__}")
    try:
        run("ip", "link", "add", f"{name}h", "type", "veth", "peer", "name", f"{name}n")
        run("ip", "link", "set", f"{name}n", "netns", name)
        for address in (database, exchange):
            run("ip", "address", "add", f"{address}/24", "dev", f"{name}h")
        run("ip", "link", "set", f"{name}h", "up")
        inside = ("ip", "-n", name)
        run(*inside, "address", "add", "10.213.77.3/24", "dev", f"{name}n")
        run(*inside, "link", "set", f"{name}n", "up")
    except subprocess.CalledProcessError as error:
        run("ip", "netns", "delete", name)
        pytest.skip(f"this machine lets us join no namespace: {error.stderr!r}")
    yield name, database, exchange
    run("ip", "netns", "delete", name)


@pytest.mark.long
def test_a_network_that_is_cut_between_it_and_the_system_is_silence(
    paper: PaperExchangeProcess,
    exchange: BybitExchange,
    postgres: PostgresServer,
    database_url: str,
    life: Life,
    apart: tuple[str, str, str],
    tmp_path: Path,
) -> None:
    """The system lives and the exchange is reached; packets to Postgres vanish."""
    name, database, venue = apart
    journal = tmp_path / "watchdog.jsonl"
    with (
        relay(database, postgres.port) as database_port,
        relay(venue, int(paper.url.rpartition(":")[2])) as venue_port,
    ):
        url = database_url.replace(f"127.0.0.1:{postgres.port}", f"{database}:{database_port}")
        assert url != database_url
        words = ("ip", "netns", "exec", name)
        with watchdog(journal, url, f"http://{venue}:{venue_port}", *words):
            placed = place_each_kind(exchange, 3)
            life.go_on()
            assert placed.entries <= links(exchange)
            run("ip", "-n", name, "route", "add", "blackhole", f"{database}/32")
            assert eventually(lambda: links(exchange) == placed.others)
            assert WATCHDOG_ACTED not in audited(life.db)
            run("ip", "-n", name, "route", "delete", "blackhole", f"{database}/32")
            assert eventually(lambda: WATCHDOG_ACTED in audited(life.db))
