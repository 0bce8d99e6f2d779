"""A message may come twice: the second run of any task changes nothing that the first one made."""

import importlib
import json
import os
import pkgutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from sqlalchemy import func, select

import tasks
from bot.decision import authentication
from bot.market.bars import MINUTE, Bar
from bot.safety.halting.halt import TradingHalt
from bot.safety.recovery.ladder import RecoveryLadder
from bot.safety.recovery.recovering import Authority, Recovering
from bot.state import breakers
from bot.state.breakers import BreakerScope, Finding
from bot.state.scope import EVERYTHING as GLOBAL
from config.celery import celery_settings
from config.keys.recovery import RecoveryRules
from config.settings import Settings
from models.enums import ScopeKind
from models.tables import Base
from tasks import bootstrap, validation
from tasks.bootstrap import Services
from tests.support.desk import Desk
from tests.support.fakes import T0
from tests.support.services import RedisServer

pytestmark = pytest.mark.services


class Correlations:
    """A market that keeps the newest correlations."""

    def __init__(self) -> None:
        self.known: dict[Any, Any] | None = None

    def put_correlations(self, known: dict[Any, Any]) -> None:
        self.known = known


class DeskServices(Services):
    """The services of a process on a desk's exchange, market and clock."""

    desk: Desk

    @classmethod
    def of(cls, desk: Desk, settings: Settings) -> "DeskServices":
        made = cls(settings, desk.clock)
        made.__dict__.update(
            desk=desk,
            db=desk.db,
            exchange=desk.exchange,
            market=desk.market,
            market_for_exits=desk.market,
            limits=desk.limits,
            task_queue=desk.task_queue,
            rate_limiter=desk.rate_limiter,
            approval=desk.approval,
            dispatcher=desk.dispatcher,
            parent_worker=desk.worker,
        )
        return made

    @property
    def trading_halt(self) -> TradingHalt:
        return self.desk.trading_halt


@dataclass
class Scene:
    """A desk, the services that tasks find there, and the application that has the tasks."""

    desk: Desk
    services: DeskServices
    app: Celery


def known_tasks() -> Celery:
    """An application with every task of every module in `tasks/`."""
    for module in pkgutil.iter_modules(tasks.__path__):
        importlib.import_module(f"tasks.{module.name}")
    app = Celery("twice", set_as_current=False)
    app.finalize()
    return app


NAMES = sorted(name for name in known_tasks().tasks if name.startswith("tasks."))


@pytest.fixture
def scene(
    desk: Desk,
    redis: RedisServer,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Scene]:
    settings = Settings(
        database_url=migrated_url,  # type: ignore[arg-type]
        redis_url=redis.url(),  # type: ignore[arg-type]
        home=tmp_path,
        symbols="BTCUSDT",
    )
    made = DeskServices.of(desk, settings)
    monkeypatch.setattr(bootstrap, "_services", made)
    monkeypatch.setattr(bootstrap, "_services_pid", os.getpid())
    app = known_tasks()
    app.conf.update(celery_settings(redis.url()))
    yield Scene(desk, made, app)
    app.close()


def a_request(scene: Scene) -> tuple[Any, ...]:
    return (scene.desk.request("r-1"),)


def a_stored_request(scene: Scene) -> tuple[Any, ...]:
    return (scene.desk.admission.accept(scene.desk.request("r-1")),)


def a_message_to_set_aside(scene: Scene) -> tuple[Any, ...]:
    body = json.dumps([[scene.desk.request("r-1")], {}, {}])
    return (authentication.TASK, body, None, "signal 9 (SIGKILL)")


def a_child(scene: Scene) -> tuple[Any, ...]:
    scene.desk.approve()
    return (scene.desk.child().child_id,)


def a_filled_child(scene: Scene) -> tuple[Any, ...]:
    (child_id,) = a_child(scene)
    scene.desk.send(child_id)
    scene.desk.stream()
    return (child_id,)


def a_stepped_parent(scene: Scene) -> tuple[Any, ...]:
    work = {"position_size": "3000", "algorithm": "iceberg", "display_size": "1000"}
    scene.desk.approve(signal_data={**work, "horizon_seconds": 120})
    return ("r-1",)


def slices_of_which_some_are_late(scene: Scene) -> tuple[Any, ...]:
    scene.desk.approve_twap()
    scene.desk.pass_time(10)
    return ()


def a_sent_child_without_news(scene: Scene) -> tuple[Any, ...]:
    scene.desk.approve_twap()
    scene.desk.send_due()
    scene.desk.pass_time(4)
    return ()


def minutes_of_one_symbol(scene: Scene) -> tuple[Any, ...]:
    scene.desk.exchange.minute_closes = lambda symbol, count: [  # type: ignore[attr-defined]
        (T0 + timedelta(minutes=minute), Decimal(1)) for minute in range(count)
    ]
    scene.services.__dict__["market"] = Correlations()
    return ()


def some_audit_entries(scene: Scene) -> tuple[Any, ...]:
    scene.desk.approve()
    return ()


def a_prediction(scene: Scene) -> tuple[Any, ...]:
    """A request whose prediction waits for its outcome."""
    a_child(scene)
    return ()


def quiet_minutes(_symbol: str, start: datetime, end: datetime) -> list[Bar]:
    """A market that stands at the desk's price."""
    price = Decimal(60_000)
    first = start.replace(second=0, microsecond=0)
    starts = [first + number * MINUTE for number in range(int((end - first) / MINUTE) + 1)]
    return [Bar(at, price, price, price, price, Decimal(1), price) for at in starts]


def a_block_whose_horizon_is_over(scene: Scene) -> tuple[Any, ...]:
    """One of known worth, and one whose limit price the market did not reach."""
    desk = scene.desk
    desk.limits.change(min_confidence=0.99)
    work = {"position_size": "2000", "horizon_seconds": 60}
    desk.approve("r-1", signal_data=work)
    desk.approve("r-2", signal_data={**work, "limit_price": "50000"})
    desk.pass_time(180)
    desk.exchange.minute_bars = quiet_minutes  # type: ignore[method-assign]
    return ()


def a_strategy_whose_model_tripped(scene: Scene) -> tuple[()]:
    """It falls from full to small, and no further."""
    found = Finding(
        "model_performance_degraded",
        "3.1",
        "3.03",
        "it is wrong",
        scope=BreakerScope(ScopeKind.STRATEGY, "test"),
    )
    with scene.desk.db.unit_of_work() as uow:
        breakers.trip(uow, scene.desk.account, found, actor="test", now=scene.desk.clock.now())
        uow.commit()
    return ()


def a_due_recovery(scene: Scene) -> tuple[Any, ...]:
    desk = scene.desk
    desk.limits.change(recovery=RecoveryRules(good_fills=0))
    desk.trading_halt.halt(reason="drill", actor="test")
    Recovering(desk.db, desk.account, desk.clock).ask(
        GLOBAL, reason="over", authority=Authority("test", is_free=True), needs_second=False
    )
    desk.pass_time(15 * 60)
    scene.services.__dict__["recovery_ladder"] = RecoveryLadder(
        desk.db, desk.account, desk.limits, desk.clock
    )
    return ()


def a_day_ago(scene: Scene) -> tuple[()]:
    """A decision of the day before."""
    scene.desk.approve("r-1")
    scene.desk.clock.move_to(scene.desk.clock.now() + timedelta(days=1))
    return ()


ARGUMENTS: dict[str, Callable[[Scene], tuple[Any, ...]]] = {
    authentication.TASK: a_request,
    validation.REFUSE_UNREADABLE: lambda _: ("[1, 2", "it is no JSON"),
    validation.VALIDATE_STORED: a_stored_request,
    validation.SET_ASIDE: a_message_to_set_aside,
    "tasks.execution.send_child": a_filled_child,
    "tasks.execution.step_parent": a_stepped_parent,
    "tasks.monitoring.dispatch_due": slices_of_which_some_are_late,
    "tasks.monitoring.pace_parents": slices_of_which_some_are_late,
    "tasks.monitoring.sweep": a_sent_child_without_news,
    "tasks.monitoring.reconcile_account": a_sent_child_without_news,
    "tasks.monitoring.record_equity": some_audit_entries,
    "tasks.monitoring.judge_models": a_prediction,
    "tasks.monitoring.value_blocks": a_block_whose_horizon_is_over,
    "tasks.monitoring.watch_stages": a_strategy_whose_model_tripped,
    "tasks.monitoring.watch_positions": lambda scene: a_filled_child(scene) and (),
    "tasks.monitoring.guard_positions": lambda scene: a_filled_child(scene) and (),
    "tasks.monitoring.evaluate_breakers": some_audit_entries,
    "tasks.monitoring.climb_recoveries": a_due_recovery,
    "tasks.monitoring.refresh_instruments": lambda _: (),
    "tasks.monitoring.check_fitness": lambda _: (),
    "tasks.monitoring.watch_clock": lambda _: (),
    "tasks.monitoring.refresh_correlations": minutes_of_one_symbol,
    "tasks.monitoring.canary": lambda _: ("monitoring",),
    "tasks.emergency.follow_halts": lambda _: (),
    "tasks.emergency.flatten": lambda _: (),
    "tasks.emergency.halt": lambda _: ("a drill", "somebody"),
    "tasks.reporting.verify_audit": some_audit_entries,
    "tasks.reporting.note_audit_heads": some_audit_entries,
    "tasks.reporting.fold_tallies": some_audit_entries,
    "tasks.reporting.sum_up_refused": lambda scene: scene.desk.approve("r-1", side="up") and (),
    "tasks.reporting.refit_impact": lambda _: (),
    "tasks.reporting.daily_report": a_day_ago,
    "tasks.reporting.ping": lambda _: ("x",),
}
"""What each task is called with, and what must be there before."""

MAY_GROW = {
    # A reading of the wallet is a row of its own.
    "tasks.monitoring.record_equity": ("equity",),
    # Each halt has a report.
    "tasks.emergency.halt": ("audit_entry",),
}


def effects(scene: Scene) -> dict[str, Any]:
    """How many rows each table has, how far orders have come, and what the exchange was sent."""
    with scene.desk.db.reading() as session:
        rows = {
            name: session.scalar(select(func.count()).select_from(table))
            for name, table in Base.metadata.tables.items()
        }
    queue = scene.desk.task_queue
    return {
        **rows,
        "children": [(c.state, c.posts, c.filled_qty) for c in scene.desk.children()],
        "position": scene.desk.position(),
        "posts": scene.desk.exchange.posts,
        "wake-ups": len(queue.children) + len(queue.parents) + len(queue.requests),
    }


def test_every_task_is_called_twice_in_a_test() -> None:
    assert sorted(ARGUMENTS) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_second_run_changes_nothing(scene: Scene, name: str) -> None:
    arguments = ARGUMENTS[name](scene)
    task = scene.app.tasks[name]
    first = task(*arguments)
    before = effects(scene)
    second = task(*arguments)
    after = effects(scene)
    for key in MAY_GROW.get(name, ()):
        del before[key], after[key]
    assert after == before
    if isinstance(first, dict):
        assert second == {**first, **({"repeated": True} if "repeated" in first else {})}


def test_a_child_is_posted_once_and_its_second_message_finds_its_fill(scene: Scene) -> None:
    """A message that comes twice may be the first sign of an order that got no answer."""
    (child_id,) = a_child(scene)
    for _ in range(3):
        scene.app.tasks["tasks.execution.send_child"](child_id)
    assert scene.desk.exchange.posts == 1
    (child,) = scene.desk.children()
    assert (child.posts, child.filled_qty) == (1, child.qty)
    assert scene.desk.position() == child.qty
