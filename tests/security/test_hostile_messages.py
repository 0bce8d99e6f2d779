"""A real worker with keys of messages, before a queue on which anybody may have put anything."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import Celery
from sqlalchemy import func, select

from bot.decision.signing import key_line
from examples.signing import TASK, signed
from models.enums import MessageRefusal
from models.repositories import refused
from models.tables import AuditRow, TradeRequestRow
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, trade_request
from tests.unit.workers.celery.test_items import BAD, good
from tests.unit.workers.celery.test_lanes import item

pytestmark = [pytest.mark.services, pytest.mark.long]

MASTER = "a-master-of-messages"


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    settings = {"MLRISK_MESSAGE_KEY": MASTER}
    with mini_system(postgres, queues=("validation",), beat=False, settings=settings) as running:
        yield running


def send(system: MiniSystem, **given: Any) -> dict[str, Any]:
    with Celery("outsider", broker=system.redis.url(0), set_as_current=False) as client:
        return system.result(client.send_task(TASK, queue="validation", **given).id)


def asked(system: MiniSystem, **changes: Any) -> dict[str, Any]:
    request = trade_request()
    name = request["metadata"]["strategy"]
    given = signed(request, key_line(MASTER, name))
    return send(system, **{**given, **changes})


def requests(system: MiniSystem) -> int:
    with system.session() as session:
        return session.scalar(select(func.count()).select_from(TradeRequestRow)) or 0


def refusals(system: MiniSystem) -> int:
    kinds = (MessageRefusal.BAD_MESSAGE, MessageRefusal.SIGNATURE_MISSING)
    with system.session() as session:
        return refused.total(session, datetime.now(UTC) - timedelta(hours=1), kinds)


def test_a_request_counts_only_as_its_strategy_signed_it(system: MiniSystem) -> None:
    assert asked(system)["verdict"] in ("allow", "shrink", "deny")
    before = requests(system)
    assert before == 1
    unsigned = send(system, args=[trade_request()])
    assert unsigned["error"]["type"] == "signature_missing"
    assert asked(system, args=["{}"])["error"]["type"] == "signature_invalid"
    assert asked(system, headers={"mlrisk_auth": "x"})["error"]["type"] == "signature_invalid"
    assert requests(system) == before


def test_nothing_on_its_queue_ends_a_worker(system: MiniSystem) -> None:
    """Each is popped once, answered where it has an id, and recorded."""
    starts = system.workers["validation"].process
    items = [raw if isinstance(raw, bytes) else json.dumps(raw).encode() for raw in BAD.values()]
    deep: Any = []
    for _ in range(500):
        deep = [deep]
    many = {f"field-{number}": 1 for number in range(100_000)}
    for args in ([{"request_id": "deep", "metadata": deep}], [many], [json.dumps(many)]):
        item = good(id=uuid4().hex)
        item["body"] = base64.b64encode(json.dumps([args, {}, {}]).encode()).decode()
        items.append(json.dumps(item).encode())
    halt = {"task": "tasks.emergency.halt", "args": ["x", "y"], "options": {"queue": "emergency"}}
    follow = good(id=uuid4().hex)
    body = [[trade_request()], {}, {"callbacks": [halt], "errbacks": [halt]}]
    follow["body"] = base64.b64encode(json.dumps(body).encode()).decode()
    items.append(json.dumps(follow).encode())
    before = requests(system)
    refused_before = refusals(system)
    with system.redis.client(0) as broker:
        for item in items:
            broker.lpush("validation", item)
        # What is good is served in its turn.
        assert asked(system)["verdict"] in ("allow", "shrink", "deny")

        def recorded() -> bool:
            with system.session() as session:
                found = session.scalars(
                    select(AuditRow.payload).where(AuditRow.actor == "strategy")
                ).all()
            assert all(len(json.dumps(payload)) < 40_000 for payload in found)
            return refusals(system) >= refused_before + len(items)

        system.wait(recorded, "a record of each")
        system.wait(lambda: broker.llen("validation") == 0, "an empty queue")
        assert broker.llen("emergency") == 0
    assert requests(system) == before + 1
    worker = system.workers["validation"]
    assert worker.alive
    assert worker.process is starts
    assert not worker.has_said("Unrecoverable")
    assert not worker.has_said("Traceback")


def test_20_000_messages_of_one_strategy_stand_before_no_other(system: MiniSystem) -> None:
    """Counted and not timed: what the worker had decided when another strategy's turn came."""
    worker = system.workers["validation"]
    worker.kill()
    flood = trade_request(metadata={"strategy": "flooding"})
    key = key_line(MASTER, "flooding")
    with system.redis.client(0) as broker:
        for thousand in range(20):
            sent = [signed({**flood, "request_id": f"f-{thousand}-{n}"}, key) for n in range(1000)]
            broker.lpush("validation", *(as_item(message) for message in sent))
        other = trade_request(metadata={"strategy": "other"})
        broker.lpush("validation", as_item(signed(other, key_line(MASTER, "other"))))
        worker.start()
        row = system.wait(lambda: system.request_row(str(other["request_id"])), "its turn")
        with system.session() as session:
            before = session.scalar(
                select(func.count())
                .select_from(TradeRequestRow)
                .where(
                    TradeRequestRow.strategy == "flooding",
                    TradeRequestRow.received_at <= row.received_at,
                )
            )
        assert before is not None
        assert 0 < before < 50
        assert broker.llen("validation.of.flooding") > 10_000
    system.redis.flushall()


def as_item(message: dict[str, Any]) -> bytes:
    """A signed message as it lies on the queue."""
    return item(message["args"][0], id=uuid4().hex, **message["headers"])
