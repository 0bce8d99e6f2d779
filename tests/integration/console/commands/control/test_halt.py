"""An operator's commands hold when Redis, the exchange or Postgres is away, and say what didn't."""

import contextlib
import json
import socket
import time
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import delete, select

from bot.errors import DependencyDown
from bot.exchange.protocol import CancelOutcome, ExchangeOrder, UnreadableFact
from bot.execution.orders.identity import order_link_id
from bot.state import halt_journal
from config.settings import Environment, SettingsError
from console.cli import run
from console.errors import ExitCode
from console.runtime.operator import call_back_at_exchange, not_halted
from models.connecting import connect_args
from models.enums import OrderStatus, TradeSide
from models.tables import (
    AccountBindingRow,
    AuditRow,
)
from tests.support.scene import START, Scene
from tests.support.trading_halts import bind, state_and_seal
from tests.support.waiting import PATIENCE_SECONDS
from workers.supervision.ports import free_port


@pytest.mark.services
def test_a_halt_without_redis_is_sealed_and_cancels_what_was_planned(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    began = time.monotonic()
    assert run(["halt", "--reason", "drill", "--json"]) == ExitCode.FAILED
    assert time.monotonic() - began < PATIENCE_SECONDS
    report = json.loads(capsys.readouterr().out)
    assert report["sealed_at"] is not None
    assert report["children_cancelled"] == 4
    assert "queued tasks could not be revoked" in report["problems"][0]
    assert state_and_seal(away) == ("halted", True)
    assert away.parent("r-1").state == "unfilled"


@pytest.mark.services
def test_a_halt_whose_cancels_fail_is_a_halt_all_the_same(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.FAILED
    error = capsys.readouterr()
    assert "HALTED" in error.err + error.out
    assert state_and_seal(away) == ("halted", True)


@pytest.mark.services
def test_a_binding_that_is_deleted_by_hand_gives_no_authority(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    bind(away, Environment.PRODUCTION)
    with away.db.transaction() as session:
        session.execute(delete(AccountBindingRow))
    run(["halt", "--reason", "drill"])
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert "resuming is free in development only" in capsys.readouterr().err


TWAP = {"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5}


def _ordered(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """What `mlrisk order … --json` prints."""
    assert run(["order", *arguments, "--json"]) == ExitCode.OK
    facts: dict[str, Any] = json.loads(capsys.readouterr().out)
    return facts


@pytest.mark.services
def test_an_order_is_paused_resumed_and_cancelled_while_redis_is_away(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal=TWAP)
    began = time.monotonic()
    paused = _ordered(capsys, "pause", "r-1", "--reason", "news")
    assert (paused["before"], paused["after"], paused["changed"]) == ("working", "paused", True)
    assert _ordered(capsys, "pause", "r-1", "--reason", "news")["changed"] is False
    # By the wall clock every slice of the scene is late.
    assert _ordered(capsys, "resume", "r-1", "--reason", "over")["children_due"] == 4
    cancelled = _ordered(capsys, "cancel", "r-1", "--reason", "wrong size")
    assert (cancelled["after"], cancelled["children_ended"]) == ("unfilled", 4)
    assert time.monotonic() - began < PATIENCE_SECONDS
    assert away.parent("r-1").end_reason == "cancelled by the operator: wrong size"


@pytest.mark.services
def test_an_order_command_tells_a_person_what_it_did_and_that_redis_is_away(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "passive", "horizon_seconds": 20})
    child = away.rest("r-1")
    away.accept(child)
    assert run(["order", "cancel", "r-1", "--reason", "drill", "--actor", "bob"]) == ExitCode.OK
    printed = capsys.readouterr()
    assert "r-1 ENDING: cancelled by the operator: drill" in printed.out
    assert f"{child.order_link_id} rests at the exchange and is being cancelled" in printed.out
    assert "Redis does not answer" in printed.err
    assert run(["order", "cancel", "r-1", "--reason", "drill"]) == ExitCode.OK
    assert "it was already; nothing was changed" in capsys.readouterr().out
    with away.db.reading() as session:
        entry = session.scalars(select(AuditRow).where(AuditRow.kind == "parent_cancelled")).one()
    assert entry.actor.endswith("(note: bob)")


@pytest.mark.services
@pytest.mark.parametrize(
    ("request_id", "reason", "words"),
    [
        ("r-none", "drill", "no request 'r-none' is known"),
        ("r-1", "drill", "request 'r-1' is over (completed: filled)"),
        ("r-1", " ", "a reason is needed"),
    ],
)
def test_an_order_that_can_not_be_acted_on_is_refused_in_one_line(
    away: Scene, capsys: pytest.CaptureFixture[str], request_id: str, reason: str, words: str
) -> None:
    away.trade("r-1")
    assert run(["order", "pause", request_id, "--reason", reason]) == ExitCode.FAILED
    lines = capsys.readouterr().err.splitlines()
    assert lines[-1].startswith(f"mlrisk: {words}")


def test_without_postgres_a_halt_with_cancel_still_asks_the_exchange(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"postgresql+psycopg://x:hidden-word@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.DEPENDENCY_DOWN
    error = capsys.readouterr().err
    assert "NOT halted: Postgres can't be reached" in error
    assert "orders could not be cancelled either" in error
    assert "hidden-word" not in error


def test_without_postgres_a_halt_is_written_to_the_home_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    url = f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    seen: list[str | None] = []

    def made(*_: object) -> "_Exchange":
        seen.append(halt_journal.pending(tmp_path))
        return _Exchange()

    monkeypatch.setattr("bot.exchange.factory.make_exchange", made)
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.DEPENDENCY_DOWN
    error = capsys.readouterr().err
    assert "HALTED by this home's journal, not sealed" in error
    assert "2 working orders cancelled at the exchange, 0 left" in error
    assert "drill" in str(seen[0])


@pytest.mark.parametrize(
    ("scope", "stays", "told"),
    [
        ("symbol:BTCUSDT", ["of-alpha", "old"], "2 working orders of symbol:BTCUSDT cancelled"),
        ("strategy:alpha", ["of-beta"], "3 working orders of strategy:alpha cancelled"),
        ("strategy:alpha", ["of-beta"], "1 of them have an id without a strategy"),
        ("account", [], "4 working orders cancelled"),
        ("account:other", ["of-alpha", "of-alpha-btc", "of-beta", "old"], "0 working orders of"),
        ("account:other", ["of-alpha", "of-alpha-btc", "of-beta", "old"], "of account"),
    ],
)
def test_without_postgres_a_scope_is_cancelled_alone_where_the_exchange_can_tell(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    scope: str,
    stays: list[str],
    told: str,
) -> None:
    def link(strategy: str, request: str) -> str:
        return order_link_id("paper", request, 0, 0, strategy=strategy)

    orders = {
        "of-alpha": _order(link("alpha", "r-1"), "ETHUSDT"),
        "of-alpha-btc": _order(link("alpha", "r-2"), "BTCUSDT"),
        "of-beta": _order(link("beta", "r-3"), "BTCUSDT"),
        "old": _order(order_link_id("paper", "r-4", 0, 0), "ETHUSDT"),
        "by-hand": _order("by-hand", "BTCUSDT"),
    }
    exchange = _Exchange(orders.values())
    url = f"postgresql+psycopg://x:x@127.0.0.1:{free_port()}/x"
    monkeypatch.setenv("MLRISK_DATABASE_URL", url)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: exchange)
    arguments = ["halt", "--reason", "drill", "--cancel", "--scope", scope]
    assert run(arguments) == ExitCode.DEPENDENCY_DOWN
    assert told in " ".join(capsys.readouterr().err.split())
    left = {order.order_link_id for order in exchange.open_orders()}
    assert left == {orders[name].order_link_id for name in (*stays, "by-hand")}


@pytest.mark.services
@pytest.mark.usefixtures("away")
@pytest.mark.parametrize("has_home", [True, False])
def test_a_postgres_that_takes_no_writes_does_not_stop_a_halt(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    has_home: bool,
) -> None:
    """After a failover to a replica every write fails with another kind of error."""
    if has_home:
        (tmp_path / "run").mkdir()
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    read_only = partial(connect_args, default_transaction_read_only="on")
    monkeypatch.setattr("models.database.connect_args", read_only)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: _Exchange())
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.DEPENDENCY_DOWN
    error = " ".join(capsys.readouterr().err.split())
    assert "Postgres can't be written" in error
    assert "2 working orders cancelled at the exchange, 0 left" in error
    assert ("HALTED by this home's journal" in error) is has_home
    assert (f"the halt journal of {tmp_path} can't be written" in error) is not has_home
    assert (halt_journal.pending(tmp_path) is not None) is has_home


def test_a_postgres_that_hangs_is_asked_once_before_orders_are_cancelled(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Seen: a place was looked for and the account read first, for five seconds each."""
    monkeypatch.setattr("models.connecting.CONNECT_TIMEOUT_SECONDS", 2)
    exchange = _Exchange()
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: exchange)
    with socket.create_server(("127.0.0.1", 0), backlog=16) as hanging:
        port = hanging.getsockname()[1]
        monkeypatch.setenv("MLRISK_DATABASE_URL", f"postgresql+psycopg://x:x@127.0.0.1:{port}/x")
        assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.DEPENDENCY_DOWN
        hanging.setblocking(False)
        asked = 0
        with contextlib.suppress(BlockingIOError):
            while True:
                hanging.accept()[0].close()
                asked += 1
    assert asked == 1
    assert "2 working orders cancelled at the exchange, 0 left" in capsys.readouterr().err


def test_a_halt_needs_no_key_of_the_exchange(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its state is set first; that nothing could be called back is a line of the report."""

    def lost(*_: object) -> None:
        raise SettingsError("MLRISK_API_KEY_FILE: /gone can't be read")

    monkeypatch.setattr("bot.exchange.factory.make_exchange", lost)
    assert run(["halt", "--reason", "drill", "--cancel", "--json"]) == ExitCode.FAILED
    report = json.loads(capsys.readouterr().out)
    assert report["state"] == "halted"
    assert [line for line in report["problems"] if "no order was cancelled: MLRISK_API" in line]


def _order(link: str, symbol: str = "BTCUSDT") -> ExchangeOrder:
    return ExchangeOrder(
        order_id=f"id-{link}", order_link_id=link, symbol=symbol, side=TradeSide.BUY,
        qty=Decimal(1), price=Decimal(1), status=OrderStatus.OPEN, raw_status="New",
        filled_qty=Decimal(0), average_price=None, reduce_only=False,
        updated_at=START,
    )  # fmt: skip


class _Exchange:
    """The calls that the last resort makes; by default two orders of ours, one of somebody
    else."""

    def __init__(self, orders: Iterable[ExchangeOrder] = (), *, down: bool = False) -> None:
        self._down = down
        known = list(orders) or [_order(link) for link in ("mr-a", "mr-b", "by-hand")]
        self._open = {order.order_link_id: order for order in known}

    def cancel(self, symbol: str, order_link_id: str) -> CancelOutcome:
        del self._open[order_link_id]
        return CancelOutcome.TAKEN

    def cancel_all(self, symbol: str | None = None) -> Sequence[str]:
        gone, self._open = list(self._open), {}
        return gone

    def open_orders(self) -> Sequence[ExchangeOrder]:
        if self._down:
            raise DependencyDown("no route")
        return list(self._open.values())

    def take_unreadable(self) -> Sequence[UnreadableFact]:
        return []


@pytest.mark.parametrize(("everything", "cancelled", "left"), [(False, 2, 1), (True, 3, 0)])
def test_the_last_resort_says_what_was_cancelled(
    everything: bool, cancelled: int, left: int
) -> None:
    exchange = _Exchange()
    said = call_back_at_exchange(exchange, everything=everything)  # type: ignore[arg-type]
    assert said == f"{cancelled} working orders cancelled at the exchange, 0 left"
    assert len(exchange.open_orders()) == left


def test_a_state_that_somebody_holds_is_not_called_an_unreachable_database() -> None:
    error = not_halted(LockNotAvailable("canceling statement due to lock timeout"))
    assert error.message == (
        "NOT halted: the state is held by another process; run it again "
        "(canceling statement due to lock timeout)"
    )


def test_the_last_resort_says_that_it_failed() -> None:
    said = call_back_at_exchange(_Exchange(down=True))  # type: ignore[arg-type]
    assert said.endswith("could not be cancelled either: no route")
