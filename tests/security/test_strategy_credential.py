"""The ten worst things that the holder of one strategy's credential can try, tried for real.

The attacker has what `mlrisk strategy add` gives a strategy, its URL of the broker and its signing
key, before a real Redis with its users, a real Postgres and a real worker. The strategy is a
shadow, and another strategy works beside it.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, ResponseError
from sqlalchemy import func, select

from bot.clock import SystemClock
from bot.decision.signing import key_line
from bot.safety.strategies.ladder import StrategyLadder
from config.celery import with_database
from config.identity import PAPER_ACCOUNT
from examples.signing import TASK, signed
from models.audit import GLOBAL_CHAIN, verify_chain
from models.enums import StrategyStage, TradingState
from models.repositories import strategies as rows
from models.repositories.safety import states
from models.tables import ChildOrderRow, ParentOrderRow, TradeRequestRow
from tests.support.accounts.staging import demoted
from tests.support.fakes import FakeLimits
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request
from tests.unit.workers.celery.test_lanes import item
from workers import strategies
from workers.home import Home

pytestmark = [pytest.mark.services, pytest.mark.long]

MASTER = "a-master-of-messages"
ME, VICTIM = "mallory", "momentum"


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    settings = {"MLRISK_MESSAGE_KEY": MASTER}
    with mini_system(postgres, queues=("validation",), beat=False, settings=settings) as running:
        home = Home(running.home)
        strategies.add(home, ME)
        strategies.add(home, VICTIM)
        ladder = StrategyLadder(running.db, PAPER_ACCOUNT, FakeLimits(), SystemClock())
        demoted(ladder, StrategyStage.SHADOW, ME)
        yield running


def url_of(system: MiniSystem, name: str) -> str:
    return strategies.url_file(Home(system.home), name).read_text(encoding="utf-8").strip()


@pytest.fixture
def redis(system: MiniSystem) -> Iterator[Redis]:
    """The attacker's own connection."""
    with Redis.from_url(url_of(system, ME)) as client:
        yield client


def send(
    system: MiniSystem, name: str = ME, task: str = TASK, queue: str = "validation", **given: Any
) -> dict[str, Any]:
    """Enqueues with a strategy's credential, and reads the answer with it."""
    broker = url_of(system, name)
    backend = with_database(broker, 1)
    with Celery(name, broker=broker, backend=backend, set_as_current=False) as client:
        answer: dict[str, Any] = client.send_task(task, queue=queue, **given).get(timeout=120)
    return answer


def request_of(name: str = ME, **changes: Any) -> dict[str, Any]:
    return trade_request(metadata={"strategy": name}, **changes)


def asked(system: MiniSystem, request: dict[str, Any], key: str = ME) -> dict[str, Any]:
    return send(system, **signed(request, key_line(MASTER, key)))


def refused(client: Redis, *commands: tuple[str, ...]) -> None:
    for command in commands:
        with pytest.raises((NoPermissionError, ResponseError), match=r"(?i)permission|not allowed"):
            client.execute_command(*command)


def count(system: MiniSystem, table: type[Any], *conditions: Any) -> int:
    with system.session() as session:
        return session.scalar(select(func.count()).select_from(table).where(*conditions)) or 0


def test_1_a_task_of_another_queue_on_its_own_queue_runs_nothing(system: MiniSystem) -> None:
    """To halt, to resume, to cancel and to sweep in the system's name."""
    for task in (
        "tasks.emergency.halt",
        "tasks.emergency.follow_halts",
        "tasks.execution.send_child",
        "tasks.monitoring.record_equity",
        "celery.chord",
    ):
        answer = send(system, task=task, args=[1, "x"])
        assert answer["verdict"] == "deny", task
    with system.session() as session:
        assert {TradingState(row.state) for row in states.all_states(session)} == {
            TradingState.ACTIVE
        }


def test_2_no_other_queue_takes_its_messages(system: MiniSystem, redis: Redis) -> None:
    for queue in ("exits", "execution", "dispatch", "emergency", "monitoring", "reporting"):
        with pytest.raises((NoPermissionError, OperationalError)):
            send(system, queue=queue, args=[1])
    refused(redis, ("LPUSH", "validation.of.momentum", "x"), ("LPUSH", "validation.ours", "x"))


def test_3_it_speaks_for_no_other_strategy(system: MiniSystem) -> None:
    """By its own key, by no key, and by a copy of the other's message with another content."""
    before = count(system, TradeRequestRow, TradeRequestRow.strategy == VICTIM)
    forged = request_of(VICTIM)
    assert asked(system, forged)["error"]["type"] == "signature_invalid"
    assert send(system, args=[forged])["error"]["type"] == "signature_missing"
    real = signed(forged, key_line(MASTER, VICTIM))
    larger = json.dumps({**forged, "side": "sell"})
    assert send(system, args=[larger], headers=real["headers"])["error"]["type"] == (
        "signature_invalid"
    )
    assert count(system, TradeRequestRow, TradeRequestRow.strategy == VICTIM) == before


def test_4_it_speaks_in_no_name_of_the_systems_own(system: MiniSystem) -> None:
    """Their exits may close everybody's positions."""
    for name in ("flatten", "position-monitor"):
        exit_of_all = request_of(
            name, signal_data={"reduce_only": True, "position_size": "1000"}, priority="emergency"
        )
        assert asked(system, exit_of_all)["error"]["type"] == "signature_invalid"
        assert asked(system, exit_of_all, key=name)["error"]["type"] == "bad_message"


def test_5_a_message_that_comes_again_is_worked_once(system: MiniSystem, redis: Redis) -> None:
    request = request_of()
    first = asked(system, request)
    copy = item(
        json.dumps(request), id="copied", **signed(request, key_line(MASTER, ME))["headers"]
    )
    for _ in range(3):
        redis.lpush("validation", copy)
    assert asked(system, request) == {**first, "repeated": True}
    other = {**request, "side": "sell"}
    assert "error" in asked(system, other) or asked(system, other)["verdict"] == "deny"
    mine = TradeRequestRow.request_id.like(f"{request['request_id']}%")
    assert count(system, TradeRequestRow, mine) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"stage": "full"},
        {"metadata": {"strategy": ME, "stage": "full"}},
        {"signal_data": {"recovery_share": 1, "stage": "full"}},
        {"limits": {"strategies": {"unknown_stage": "full"}}},
        {"account": "another"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_6_it_raises_no_stage_and_no_limit_of_its_own(
    system: MiniSystem, changes: dict[str, Any]
) -> None:
    answer = asked(system, {**request_of(), **changes})
    assert answer["verdict"] == "deny"
    plain = asked(system, request_of())
    assert "strategy_stage" in plain["reasons"]
    assert plain["stage"] == {"stage": "shadow", "sends": False}
    with system.session() as session:
        assert rows.stage_of(session, ME).stage is StrategyStage.SHADOW


def test_7_it_makes_no_market_no_answer_no_schedule_and_no_room(redis: Redis) -> None:
    refused(
        redis,
        ("SET", "mlrisk:market:BTCUSDT", "x"),
        ("SET", "mlrisk:mark:BTCUSDT", "x"),
        ("SET", "mlrisk:correlations", "x"),
        ("SET", "celery-task-meta-x", "x"),
        ("PUBLISH", "celery-task-meta-x", "x"),
        ("ZADD", "mlrisk:beat::schedule", "0", "x"),
        ("DEL", "mlrisk:orders:{paper}:sent"),
        ("SET", "mlrisk:address-ban", "x"),
    )


def test_8_it_reads_and_takes_nothing_of_others(system: MiniSystem, redis: Redis) -> None:
    refused(
        redis,
        ("LRANGE", "validation", "0", "-1"),
        ("BRPOP", "validation", "1"),
        ("LRANGE", "validation.of.momentum", "0", "-1"),
        ("HGETALL", "unacked"),
        ("GET", "mlrisk:market:BTCUSDT"),
        ("KEYS", "*"),
        ("SCAN", "0"),
        ("PSUBSCRIBE", "celery-task-meta-*"),
        ("MONITOR",),
        ("ACL", "LIST"),
    )
    with (
        Redis.from_url(url_of(system, ME).replace(f"strategy-{ME}", f"strategy-{VICTIM}")) as other,
        pytest.raises(AuthenticationError),
    ):
        other.ping()


def test_9_it_neither_stops_nor_changes_the_server_or_a_worker(
    system: MiniSystem, redis: Redis
) -> None:
    refused(
        redis,
        ("FLUSHALL",),
        ("SHUTDOWN", "NOSAVE"),
        ("CONFIG", "SET", "requirepass", "x"),
        ("ACL", "SETUSER", f"strategy-{ME}", "~*", "+@all"),
        ("REPLICAOF", "127.0.0.1", "1"),
        ("EVAL", "return redis.call('FLUSHALL')", "0"),
        ("CLIENT", "KILL", "TYPE", "normal"),
        ("PUBLISH", "/0.celery.pidbox", "x"),
        ("DEL", "validation"),
        ("LTRIM", "validation", "1", "0"),
    )
    assert system.workers["validation"].alive


def test_10_after_all_of_it_the_other_trades_nothing_of_it_was_sent_and_the_record_is_whole(
    system: MiniSystem,
) -> None:
    answer = send(system, VICTIM, **signed(request_of(VICTIM), key_line(MASTER, VICTIM)))
    assert answer["verdict"] in ("allow", "shrink")
    assert answer["stage"] == {"stage": "full", "sends": True}
    assert count(system, ParentOrderRow, ParentOrderRow.strategy == ME) == 0
    orders = select(ParentOrderRow.request_id).where(ParentOrderRow.strategy == VICTIM)
    foreign = ChildOrderRow.request_id.not_in(orders)
    assert count(system, ChildOrderRow, foreign) == 0
    strategies.remove(Home(system.home), ME)
    with system.session() as session:
        for chain in (PAPER_ACCOUNT, GLOBAL_CHAIN):
            assert verify_chain(session, chain).problems == ()
    assert not system.workers["validation"].has_said("Traceback")
