"""An operator's commands hold when Redis, the exchange or Postgres is away, and say what didn't."""

import contextlib
import io
import json
import socket
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from psycopg.errors import LockNotAvailable
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from bot.errors import DependencyDown
from bot.exchange.protocol import ExchangeOrder, ExchangePosition, UnreadableFact
from bot.execution.policy.throttle import Throttle, ThrottleKind
from bot.state import binding, breakers
from bot.state.binding import Identity
from config.settings import Environment, SettingsError, TradingMode
from console.cli import run
from console.errors import ExitCode
from console.runtime.operator import cancel_without_postgres, not_halted
from models.enums import OrderStatus, TradeSide
from models.repositories import disagreements, portfolio
from models.tables import (
    AccountBindingRow,
    AuditRow,
    ChildOrderRow,
    ParentOrderRow,
    TradeRequestRow,
    TradingStateRow,
)
from tests.support.fakes import FakeExchange
from tests.support.scene import ACCOUNT, START, Scene, read_only_engine
from workers.supervision.ports import free_port

D = Decimal
SLOWED = Throttle(ThrottleKind.SLOW, Decimal("0.5"), Decimal(1), "volatility", "2.1", "2", START)


@pytest.fixture
def away(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Postgres is there; Redis and the exchange are not."""
    monkeypatch.setenv("MLRISK_DATABASE_URL", scene.database_url)
    monkeypatch.setenv("MLRISK_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    monkeypatch.setenv("MLRISK_EXCHANGE_URL", f"http://127.0.0.1:{free_port()}")
    return scene


def _state(scene: Scene) -> tuple[str, bool]:
    engine = read_only_engine(scene.database_url)
    try:
        with Session(engine) as session:
            row = session.scalars(select(TradingStateRow)).one()
            return row.state, row.sealed_at is not None
    finally:
        engine.dispose()


@pytest.mark.services
def test_a_halt_without_redis_is_sealed_and_cancels_what_was_planned(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 20, "interval_seconds": 5})
    began = time.monotonic()
    assert run(["halt", "--reason", "drill", "--json"]) == ExitCode.FAILED
    assert time.monotonic() - began < 20
    report = json.loads(capsys.readouterr().out)
    assert report["sealed_at"] is not None
    assert report["children_cancelled"] == 4
    assert "queued tasks could not be revoked" in report["problems"][0]
    assert _state(away) == ("halted", True)
    assert away.parent("r-1").state == "unfilled"


@pytest.mark.services
def test_a_halt_whose_cancels_fail_is_a_halt_all_the_same(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["halt", "--reason", "drill", "--cancel"]) == ExitCode.FAILED
    error = capsys.readouterr()
    assert "HALTED" in error.err + error.out
    assert _state(away) == ("halted", True)


@pytest.mark.services
def test_parked_requests_are_listed_released_and_ended(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1")
    assert run(["parked", "list"]) == ExitCode.OK
    assert "nothing is parked" in capsys.readouterr().out

    def park() -> None:
        with away.db.transaction() as session:
            row = session.get_one(TradeRequestRow, "r-1")
            row.status, row.attempts, row.failure = "parked", 5, "DataError: [overflow]"

    def status() -> str:
        with away.db.reading() as session:
            return session.get_one(TradeRequestRow, "r-1").status

    park()
    assert run(["parked", "list"]) == ExitCode.OK
    assert "5 attempts: DataError: [overflow]" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "list", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["parked"][0]["request_id"] == "r-1"
    assert run(["parked", "release", "r-1", "--reason", "fixed", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["status"] == status() == "pending_validation"
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.FAILED
    assert "not parked" in capsys.readouterr().err
    park()
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.OK
    assert status() == "cancelled"


@pytest.mark.services
def test_trades_that_are_set_aside_are_listed_released_and_ended(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1")

    def set_aside() -> None:
        with away.db.transaction() as session:
            parent = session.get_one(ParentOrderRow, "r-1")
            parent.state, parent.set_aside_at = "paused", START
            parent.step_failures, parent.failure = 10, "ArithmeticError: [odd]"

    def parent() -> ParentOrderRow:
        with away.db.reading() as session:
            return session.get_one(ParentOrderRow, "r-1")

    set_aside()
    assert run(["parked", "list"]) == ExitCode.OK
    assert "10 failed steps: ArithmeticError: [odd]" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "list", "--json"]) == ExitCode.OK
    (listed,) = json.loads(capsys.readouterr().out)["set_aside"]
    assert listed["request_id"] == "r-1"
    assert run(["order", "list"]) == ExitCode.OK
    assert "set aside" in " ".join(capsys.readouterr().out.split())
    assert run(["parked", "release", "r-1", "--reason", "fixed", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["status"] == "working"
    assert (parent().set_aside_at, parent().step_failures) == (None, 0)
    set_aside()
    assert run(["parked", "end", "r-1", "--reason", "drill"]) == ExitCode.OK
    assert parent().stop_reason == "cancelled by the operator: drill"


def _bind(scene: Scene, environment: Environment, mode: str = "paper") -> None:
    """As the first process did that started on the scene's database."""
    owner = Identity(ACCOUNT, mode, "17", environment, TradingMode.PAPER_TRADING)
    binding.bind(scene.db, owner, START)


@pytest.mark.services
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (None, "resuming is free in development only"),
        ("production", "resuming is free in development only"),
        ("development", "belongs to production, and MLRISK_ENVIRONMENT says development"),
    ],
)
def test_a_halt_in_production_is_lifted_from_no_shell_whatever_it_says(
    away: Scene,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    said: str | None,
    words: str,
) -> None:
    _bind(away, Environment.PRODUCTION)
    run(["halt", "--reason", "drill"])
    if said is not None:
        monkeypatch.setenv("MLRISK_ENVIRONMENT", said)
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert words in capsys.readouterr().err
    assert _state(away)[0] == "halted"


@pytest.mark.services
def test_a_binding_that_is_deleted_by_hand_gives_no_authority(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    _bind(away, Environment.PRODUCTION)
    with away.db.transaction() as session:
        session.execute(delete(AccountBindingRow))
    run(["halt", "--reason", "drill"])
    assert run(["resume", "--reason", "please"]) == ExitCode.FAILED
    assert "resuming is free in development only" in capsys.readouterr().err


@pytest.mark.services
def test_resume_is_free_where_the_database_is_developments(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    _bind(away, Environment.DEVELOPMENT)
    run(["halt", "--reason", "drill"])
    _read_wallet(away)
    assert run(["resume", "--reason", "over"]) == ExitCode.OK
    assert "ACTIVE" in capsys.readouterr().out
    assert _state(away) == ("active", False)


def _read_wallet(scene: Scene) -> None:
    """A reading as of the wall clock, which the commands go by."""
    money = D(100_000)
    with scene.db.transaction() as session:
        portfolio.record_equity(
            session,
            ACCOUNT,
            datetime.now(UTC),
            equity=money,
            wallet_balance=money,
            available=money,
            unrealised_pnl=D(0),
        )


def _become(scene: Scene, *, mode: str) -> None:
    with scene.db.transaction() as session:
        session.get_one(AccountBindingRow, 1).mode = mode


@pytest.mark.services
def test_resume_says_what_still_denies_and_a_reset_breaker_is_the_way_back(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    _read_wallet(away)
    _bind(away, Environment.DEVELOPMENT)
    with away.db.unit_of_work() as uow:
        found = breakers.Finding("data_quality_issue", "1", "0", "positions disagree")
        breakers.trip(uow, ACCOUNT, found, actor="test", now=away.clock.now())
        uow.commit()
    assert run(["resume", "--reason", "over", "--json"]) == ExitCode.HALTED
    facts = json.loads(capsys.readouterr().out)
    assert facts["trading"] is False
    assert "mlrisk breaker reset data_quality_issue" in facts["still_denying"][0]
    reset = ["breaker", "reset", "data_quality_issue", "--reason", "looked at"]
    _become(away, mode="live")
    assert run(reset) == ExitCode.FAILED
    assert "an operator has to log in" in capsys.readouterr().err
    _become(away, mode="paper")
    assert run(reset) == ExitCode.OK
    assert "ACTIVE" in capsys.readouterr().out
    assert run(["breaker", "list"]) == ExitCode.OK
    assert "reset: looked at" in capsys.readouterr().out


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
    assert time.monotonic() - began < 20
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
    assert f"{child.order_link_id} rests and is being called back" in printed.out
    assert "Redis doesn't answer" in printed.err
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


@pytest.mark.services
def test_open_orders_are_listed_with_what_works_them_and_what_is_in_their_way(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.trade("r-0")
    away.decide("r-1", signal=TWAP)
    away.decide("r-2", signal={"algorithm": "iceberg", "horizon_seconds": 20})
    away.accept(away.rest("r-2"))
    with away.db.transaction() as session:
        row = session.get_one(ParentOrderRow, "r-2")
        row.ladder = {"algorithm": "passive", "positions": {"timeout": 2, "rejected": 0}}
        row.pace = SLOWED.to_json()
    run(["order", "pause", "r-1", "--reason", "news"])
    capsys.readouterr()
    first, second = _ordered(capsys, "list")["orders"]
    assert (first["request_id"], first["state"], first["resting"]) == ("r-1", "paused", [])
    assert first["next_child_at"] == "2025-06-01T12:00:00.060Z"
    assert (second["algorithm"], second["worked_by"]) == ("iceberg", "passive")
    assert (second["approved_qty"], second["filled_qty"], second["open_qty"]) == ("0.1", "0", "0.1")
    (resting,) = second["resting"]
    assert (resting["style"], resting["price"], resting["qty"]) == ("post_only", "29999.9", "0.05")
    assert run(["order", "list"]) == ExitCode.OK
    text = capsys.readouterr().out
    for words in (
        *("paused by the operator", "iceberg, now passive", "timeout 2", "0.05 at 29999.9"),
        "slow: volatility 2.1 (from 2)",
    ):
        assert words in text, words


@pytest.mark.services
def test_no_open_order_is_said(away: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    assert _ordered(capsys, "list") == {"orders": []}
    assert run(["order", "list"]) == ExitCode.OK
    assert capsys.readouterr().out == "no order is open\n"


@pytest.mark.services
def test_a_request_is_shown_with_its_resting_order_its_pace_and_its_switch(
    away: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    away.decide("r-1", signal={"algorithm": "iceberg", "horizon_seconds": 20})
    child = away.rest("r-1")
    away.accept(child)
    with away.db.transaction() as session:
        row = session.get_one(ParentOrderRow, "r-1")
        row.ladder = {"algorithm": "passive", "positions": {"timeout": 2}}
        row.pace = SLOWED.to_json()
        row.params = {**row.params, "slots_merged": 3, "residual": "0.0004"}
        session.get_one(ChildOrderRow, child.child_id).cancel_requested_at = away.clock.now()
    assert run(["show", "r-1"]) == ExitCode.OK
    text = capsys.readouterr().out
    for words in (
        *("parent: iceberg, now passive 0.1 working", "chosen because: asked for by the strategy"),
        "plan: 3 slices were too small and merged into others; 0.0004 is no whole lot",
        *("in its way: slow: volatility 2.1 (from 2)", "failures in a row: timeout 2"),
        *("post_only", "29999.9", "acked, called back"),
    ):
        assert words in text, words
    run(["order", "cancel", "r-1", "--reason", "drill"])
    capsys.readouterr()
    assert run(["show", "r-1"]) == ExitCode.OK
    assert "in its way: ending: cancelled by the operator: drill" in capsys.readouterr().out


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


def _order(link: str) -> ExchangeOrder:
    return ExchangeOrder(
        order_id=f"id-{link}", order_link_id=link, symbol="BTCUSDT", side=TradeSide.BUY,
        qty=Decimal(1), price=Decimal(1), status=OrderStatus.OPEN, raw_status="New",
        filled_qty=Decimal(0), average_price=None, reduce_only=False, reject_reason="",
        cancel_type="", updated_at=START,
    )  # fmt: skip


class _Exchange:
    """The calls that the last resort makes: two orders of ours, one of somebody else."""

    def __init__(self, *, down: bool = False) -> None:
        self._down = down
        self._open = {link: _order(link) for link in ("mr-a", "mr-b", "by-hand")}

    def cancel(self, symbol: str, order_link_id: str) -> None:
        del self._open[order_link_id]

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
    error = cancel_without_postgres(
        exchange,
        OSError("gone"),
        everything=everything,  # type: ignore[arg-type]
    )
    assert error.message.endswith(f"{cancelled} working orders cancelled at the exchange, 0 left")
    assert len(exchange.open_orders()) == left


def test_a_state_that_somebody_holds_is_not_called_an_unreachable_database() -> None:
    error = not_halted(LockNotAvailable("canceling statement due to lock timeout"))
    assert error.message == (
        "NOT halted: the state is held by another process; run it again "
        "(canceling statement due to lock timeout)"
    )


def test_the_last_resort_says_that_it_failed() -> None:
    error = cancel_without_postgres(_Exchange(down=True), OSError("gone"))  # type: ignore[arg-type]
    assert error.message.endswith("could not be cancelled either: no route")


@pytest.mark.services
def test_a_position_is_adopted_after_a_yes_and_listed_before(
    away: Scene, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange = FakeExchange(away.clock)
    held = ExchangePosition("BTCUSDT", D("0.05"), D(60_000), None, D(0), None, None)
    exchange.positions = lambda: [held]  # type: ignore[method-assign]
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: exchange)
    with away.db.transaction() as session:
        found = {"BTCUSDT": (D(0), D("0.05"))}
        disagreements.note_positions(session, ACCOUNT, found, away.clock.now())
    assert run(["position", "list", "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["disagreements"][0]["exchange"] == "0.05"
    adopt = ["position", "adopt", "BTCUSDT", "--reason", "older than our start"]
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert run(adopt) == ExitCode.FAILED
    assert "nothing was changed" in capsys.readouterr().err
    assert run([*adopt, "--yes", "--json"]) == ExitCode.OK
    facts = json.loads(capsys.readouterr().out)
    assert (facts["before"], facts["after"], facts["changed"]) == ("0", "0.05", True)
    assert run([*adopt, "--yes"]) == ExitCode.OK
    assert "agrees already" in capsys.readouterr().out
    assert run(["position", "list"]) == ExitCode.OK
    assert "every position agrees" in capsys.readouterr().out
