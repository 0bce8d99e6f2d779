"""A whole small mlrisk for integration and chaos tests: real servers, real worker processes.

Postgres is the session's server with a database of its own; Redis, the paper exchange, the feed,
Celery workers and beat are this system's alone, each a process that can be killed and started.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import yaml
from celery import Celery, states
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.clock import SystemClock
from bot.exchange.market_cache import RedisMarketCache
from bot.market.seal import Seal
from bot.risk.snapshot import MarketView
from config.celery import WORKERS
from config.identity import PAPER_ACCOUNT
from models.database import Database
from models.provisioning import provision
from models.tables import ChildOrderRow, EquityRow, FillRow, ParentOrderRow, TradeRequestRow
from paper_exchange.testing import PaperExchangeProcess
from tests.support.accounts.leases import grant_lease
from tests.support.processes.preloaded import PreloadedPopen
from tests.support.services import PostgresServer, RedisServer
from tests.support.waiting import PATIENCE_SECONDS
from workers import strategies
from workers.embedded.acl import CONSOLE, USER_OF_PROCESS
from workers.home import Home

ROOT = Path(__file__).parents[2]
QUEUES = ("validation", "execution", "monitoring", "emergency")
FRESH = timedelta(seconds=2)
"""A younger market view was published by a feed that is alive."""

RICH_ACCOUNT = """
- uid: paper
  balances: {USDT: "1000000000"}
  keys: [{key: paper-key, secret: paper-secret}]
"""
"""So rich that a module's requests add up to nothing near its limits."""
CALM = {
    "protective_stops: true": "protective_stops: false",
    "max_data_silence_seconds: 30": "max_data_silence_seconds: 3600",
    "failure_sample: 10": "failure_sample: 100000",
    "stop_guard_stops: 3": "stop_guard_stops: null",
}
"""Changes of the default limits. Tests that kill and freeze processes would trip what these keys
switch off, and each of these has tests of its own."""


class Worker:
    """One child process of the system with its log."""

    def __init__(self, name: str, command: Sequence[str], env: dict[str, str], log: Path) -> None:
        self.name = name
        self.command = command
        self.env = env
        self.log = log
        self.process: PreloadedPopen | None = None
        self._extra_env: dict[str, str] = {}
        self._log_begins = 0

    def start(self, **extra_env: str) -> None:
        self._extra_env = extra_env
        self._log_begins = self.log.stat().st_size if self.log.exists() else 0
        self.process = PreloadedPopen(self.command, {**self.env, **extra_env}, self.log)

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15.0) -> None:
        if self.process is None:
            return
        if self.process.poll() is None:
            self.process.send_signal(number)
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        # Pool children share the session: none may outlive the test.
        self._end_group()
        self.process = None

    def kill(self) -> None:
        """SIGKILL of the process and of everything that it forked."""
        if self.process is not None:
            self._end_group()
            self.process.wait()

    def revive(self) -> None:
        """Starts it again as it was started last, if it has ended: the supervisor's part."""
        if self.process is not None and not self.alive:
            self._end_group()
            self.start(**self._extra_env)

    def _end_group(self) -> None:
        assert self.process is not None
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return

    def has_said(self, text: str) -> bool:
        """Whether its log has this since it was started last."""
        if not self.log.exists():
            return False
        with self.log.open("rb") as log:
            log.seek(self._log_begins)
            return text.encode() in log.read()

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None


def _calm_limits(home: Path, overrides: Mapping[str, Any] | None) -> Path:
    text = (ROOT / "config" / "ml_risk_config.yaml").read_text(encoding="utf-8")
    for default, calm in CALM.items():
        assert text.count(default) == 1, default
        text = text.replace(default, calm)
    if overrides is not None:
        text = yaml.safe_dump({**yaml.safe_load(text), "overrides": dict(overrides)})
    place = home / "limits.yaml"
    place.write_text(text, encoding="utf-8")
    return place


class MiniSystem:
    """The processes of one small system and the questions that tests ask it."""

    def __init__(
        self,
        postgres: PostgresServer,
        home: Path,
        *,
        exchange_args: Sequence[str] = (),
        keep_exchange: bool = False,
        settings: Mapping[str, str] | None = None,
        overrides: Mapping[str, Any] | None = None,
    ) -> None:
        """`keep_exchange`: the exchange's orders and accounts survive its death, as the real
        one's do. `settings` are further `MLRISK_*` variables, and `overrides` are limits."""
        self.home = home
        self.postgres = postgres
        template = postgres.migrated_template()
        created = postgres.create_database(f"sys_{uuid4().hex[:12]}", template=template)
        logins = postgres.logins(created)
        provision(logins)  # a copy has the tables, but no rights on the database itself
        self.database_url = logins.application
        self._audit_url = logins.audit
        self.db = Database(created)  # a test may do what no process may
        place = Home(home)
        place.create()
        self._settings = {
            "MLRISK_CONFIG_PATH": str(_calm_limits(home, overrides)),
            **(settings or {}),
        }
        self.redis = RedisServer(home, strategies.server_of(place))
        self._market_key = secrets.token_hex(16)
        accounts = home / "accounts.yaml"
        accounts.write_text(RICH_ACCOUNT)
        self.exchange = PaperExchangeProcess(
            *("--accounts", str(accounts)),
            *("--market", "synthetic", "--symbols", "BTCUSDT,ETHUSDT", "--order-rate", "0"),
            *("--read-rate", "0", "--ip-rate", "0", "--control"),
            *(("--state-dir", str(home / "exchange")) if keep_exchange else ()),
            *exchange_args,
            home=home,
        )
        self.workers: dict[str, Worker] = {}

    def start(
        self,
        queues: Sequence[str] = QUEUES,
        *,
        beat: bool = True,
        safety: bool = False,
        senders: int = 2,
    ) -> None:
        """With `safety` its process keeps the lease to trade. Else one stands from the start.
        `senders` is the number of processes that send orders."""
        self.redis.start()
        self.exchange.start()
        self._add("feed", [sys.executable, "-m", "workers.feeds.feed"])
        for queue in queues:
            name, taken = f"{queue}@%h", ",".join(_taken(queue, queues))
            pool = str(senders if queue == "execution" else 1)
            self._add(queue, self._celery("worker", "-Q", taken, "-n", name, "-c", pool))
        if beat:
            words = ("beat", "-S", "workers.celery.beat.CleanedScheduler", "--pidfile=")
            self._add("beat", self._celery(*words, app="workers.celery.broker"))
            self.workers["beat"].env["MLRISK_DATABASE_URL"] = self._audit_url
        if safety:
            self._add("safety", [sys.executable, "-m", "workers.safety"])
        else:
            with self.db.transaction() as session:
                grant_lease(session, PAPER_ACCOUNT)
        for worker in self.workers.values():
            worker.start()
        self.wait(self._ready, "the system to be ready")

    def stop(self) -> None:
        for worker in self.workers.values():
            if worker.process is not None:
                worker.process.terminate()
        for worker in self.workers.values():
            worker.stop()
        self.exchange.stop()
        self.redis.stop()
        self.db.dispose()
        self.postgres.drop_database(self.database_url)

    def env(self) -> dict[str, str]:
        """What a person's commands are told; processes have logins of their own."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
        return {
            **kept,
            "MLRISK_HOME": str(self.home),
            "MLRISK_DATABASE_URL": self.database_url,
            "MLRISK_REDIS_URL": self.redis.embedded.url(user=CONSOLE),
            "MLRISK_MARKET_KEY": self._market_key,
            "MLRISK_EXCHANGE_URL": self.exchange.url,
            "MLRISK_SYMBOLS": "BTCUSDT,ETHUSDT",
            "NO_PROXY": "127.0.0.1,localhost",
            "PYTHONUNBUFFERED": "1",
            **self._settings,
        }

    def _celery(self, *arguments: str, app: str = "workers.celery.app") -> list[str]:
        return [sys.executable, "-m", "celery", "-A", app, *arguments]

    def _add(self, name: str, command: list[str]) -> None:
        login = {"MLRISK_REDIS_URL": self.redis.embedded.url(user=USER_OF_PROCESS[name])}
        env = {**self.env(), **login}
        self.workers[name] = Worker(name, command, env, self.home / f"{name}.log")

    def _ready(self) -> bool:
        with self.session() as session:
            if session.scalar(select(EquityRow.equity_id).limit(1)) is None:
                return False
        for name, worker in self.workers.items():
            if not worker.alive:
                raise AssertionError(f"{name} ended:\n{self.logs(name)}")
        return self.market_ready() and self.consuming(
            *self.workers.keys() - {"feed", "beat", "safety"}
        )

    def consuming(self, *names: str) -> bool:
        """These workers take tasks from their queues."""
        return all(self.workers[name].has_said(f"{name}@") for name in names) and all(
            self.workers[name].has_said(" ready.") for name in names
        )

    def market(self, symbol: str) -> MarketView | None:
        """The newest view that the feed published."""
        seal = Seal(self._market_key, SystemClock())
        with self.redis.client(3) as client:
            return RedisMarketCache(client, seal=seal).get(symbol)

    def market_ready(self) -> bool:
        """The feed publishes views that the gate can decide on."""
        oldest = datetime.now(UTC) - FRESH
        return all(
            view is not None
            and None not in (view.bid, view.ask, view.volatility_baseline)
            and view.as_of > oldest
            for view in map(self.market, ("BTCUSDT", "ETHUSDT"))
        )

    @contextmanager
    def session(self) -> Iterator[Session]:
        with self.db.reading() as session:
            yield session

    def logs(self, name: str) -> str:
        path = self.home / f"{name}.log"
        return path.read_text(errors="replace")[-8000:] if path.exists() else ""

    def all_logs(self) -> str:
        return "\n".join(f"--- {name}\n{self.logs(name)[-3000:]}" for name in self.workers)

    def wait(
        self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS
    ) -> Any:
        """Polls until the condition is true; fails with every log when it never is."""
        deadline = time.monotonic() + seconds
        while True:
            value = condition()
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"waited {seconds} s for {what}\n{self.all_logs()}")
            time.sleep(0.05)

    def tend(
        self, condition: Callable[[], Any], what: str, seconds: float = PATIENCE_SECONDS
    ) -> Any:
        """Waits as `wait` does, and starts again what ended meanwhile, as the supervisor does."""

        def tended() -> Any:
            for worker in self.workers.values():
                worker.revive()
            return condition()

        return self.wait(tended, what, seconds)

    # The strategy's side: an outsider with Celery and JSON.

    def send(self, request: dict[str, Any]) -> str:
        """Enqueues by name; returns the task's id."""
        return self.run_task("validation", "validate_and_execute", request)

    def run_task(self, queue: str, name: str, *args: Any) -> str:
        """Enqueues a task of one queue; returns its id."""
        with Celery("outsider", broker=self.redis.url(0), set_as_current=False) as client:
            return str(client.send_task(f"tasks.{queue}.{name}", args=args, queue=queue).id)

    def result(self, task_id: str, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """The task's result, read from Redis as any language could."""
        with self.redis.client(1) as client:

            def ended() -> dict[str, Any] | None:
                raw = client.get(f"celery-task-meta-{task_id}")
                told: dict[str, Any] = {} if raw is None else json.loads(raw)
                return told if told.get("status") in states.READY_STATES else None

            answer: dict[str, Any] = self.wait(ended, "a result", seconds)["result"]
        return answer

    def outcome(self, request: dict[str, Any], seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        return self.result(self.send(request), seconds)

    # What the database says.

    def children(self, request_id: str) -> Sequence[ChildOrderRow]:
        with self.session() as session:
            return session.scalars(
                select(ChildOrderRow)
                .where(ChildOrderRow.request_id == request_id)
                .order_by(ChildOrderRow.slot, ChildOrderRow.attempt)
            ).all()

    def parent(self, request_id: str) -> ParentOrderRow | None:
        with self.session() as session:
            return session.get(ParentOrderRow, request_id)

    def request_row(self, request_id: str) -> TradeRequestRow | None:
        with self.session() as session:
            return session.get(TradeRequestRow, request_id)

    def fills(self) -> Sequence[FillRow]:
        with self.session() as session:
            return session.scalars(select(FillRow)).all()

    def finished(self, request_id: str) -> ParentOrderRow | None:
        parent = self.parent(request_id)
        return parent if parent is not None and parent.finished_at is not None else None


def _taken(worker: str, started: Sequence[str]) -> tuple[str, ...]:
    """The queues of a worker. In a small system `monitoring` does what has no worker of its own."""
    if worker != "monitoring":
        return WORKERS[worker]
    others = [
        name
        for name in ("dispatch", "sweeping", "reconciliation", "reporting")
        if name not in started
    ]
    return tuple(queue for name in (*others, worker) for queue in WORKERS[name])


def some_size() -> str:
    """Never the same twice: the gate refuses what looks like a runaway loop."""
    return f"{2000 + secrets.randbelow(100_000) / 100:.2f}"


def trade_request(**changes: Any) -> dict[str, Any]:
    """A request that the development limits allow, as an outsider's plain JSON."""
    now = datetime.now(UTC)
    request: dict[str, Any] = {
        "request_id": f"test-{uuid4().hex}",
        "symbol": "BTCUSDT",
        "side": "buy",
        "signal_data": {"position_size": some_size(), "algorithm": "immediate"},
        "ml_predictions": {
            "confidence": 0.9,
            "uncertainty": 0.1,
            "ensemble_agreement": 0.95,
            "prediction_stability": 0.9,
            "feature_importance": {"imbalance": 0.6, "returns": 0.4},
            "member_probabilities": [0.9, 0.88, 0.92],
            "model_version": "test-1",
            "predicted_at": now.isoformat(),
        },
        "market_data": {},
        "priority": "normal",
        "created_at": now.isoformat(),
        "expires_at": (now + timedelta(seconds=120)).isoformat(),
        "metadata": {"strategy": "test"},
    }
    for key, value in changes.items():
        if isinstance(value, dict) and isinstance(request.get(key), dict):
            request[key] = {**request[key], **value}
        else:
            request[key] = value
    return request


@contextmanager
def mini_system(
    postgres: PostgresServer,
    *,
    exchange_args: Sequence[str] = (),
    keep_exchange: bool = False,
    settings: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
    **start: Any,
) -> Iterator[MiniSystem]:
    """A running system for the time of the block."""
    home = Path(tempfile.mkdtemp(prefix="mlrisk-sys-"))
    home.chmod(0o711)
    system = MiniSystem(
        postgres,
        home,
        exchange_args=exchange_args,
        keep_exchange=keep_exchange,
        settings=settings,
        overrides=overrides,
    )
    try:
        system.start(**start)
        yield system
    finally:
        try:
            system.stop()
        finally:
            # Also after Ctrl-C in a start, when not everything is there to be stopped.
            shutil.rmtree(home, ignore_errors=True)
