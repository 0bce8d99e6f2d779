"""How long one strategy's request waits behind a flood of another's, with keys of messages on.

`python -m benchmarks.flood --messages 20000 --rounds 5`. Beside a system of its own (the processes
of `mlrisk up`), each round enqueues one request alone, and then one right behind a flood that
comes at once. What is left of the flood is thrown away between rounds.
"""

import argparse
import base64
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import uuid4

from redis import Redis

from benchmarks.support.whole_system import (
    QUEUE,
    REQUEST,
    WholeSystem,
    machine,
    quantiles,
    whole_system,
)
from bot.decision.signing import key_line
from config.celery import LANES
from examples.signing import signed
from models.tables import TradeRequestRow
from tests.support.system import trade_request

MASTER = "a master of messages"
WAIT_SECONDS = 60.0
_AT_ONCE = 1000


def as_item(message: dict[str, Any]) -> str:
    """A signed message as it lies on the queue."""
    task = uuid4().hex
    body = json.dumps([message["args"], {}, {}])
    return json.dumps(
        {
            "body": base64.b64encode(body.encode()).decode(),
            "content-type": "application/json",
            "content-encoding": "utf-8",
            "headers": {"task": REQUEST, "id": task, "lang": "py", **message["headers"]},
            "properties": {"body_encoding": "base64", "delivery_info": {}},
        }
    )


def request_of(strategy: str, **changes: Any) -> tuple[str, str]:
    """A new request's id, and its item."""
    request = trade_request(metadata={"strategy": strategy}, **changes)
    return str(request["request_id"]), as_item(signed(request, key_line(MASTER, strategy)))


def flood_of(count: int) -> list[str]:
    return [request_of("flooding", request_id=f"flood-{uuid4().hex}")[1] for _ in range(count)]


def waited(system: WholeSystem, broker: Redis, flood: list[str]) -> float:
    """Seconds from the last message's arrival to the row of its request."""
    name, item = request_of("other")
    for start in range(0, len(flood), _AT_ONCE):
        broker.lpush(QUEUE, *flood[start : start + _AT_ONCE])
    broker.lpush(QUEUE, item)
    began = time.monotonic()
    while time.monotonic() < began + WAIT_SECONDS:
        with system.database.reading() as session:
            if session.get(TradeRequestRow, name) is not None:
                return time.monotonic() - began
        time.sleep(0.005)
    raise RuntimeError(f"no decision within {WAIT_SECONDS:g} s")


def throw_away(broker: Redis) -> None:
    """What waits in the queue and its lanes."""
    broker.delete(QUEUE, *broker.smembers(LANES))


def measure(directory: Path, messages: int, rounds: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {"alone": [], f"behind {messages} messages": []}
    alone, behind = found.values()
    with (
        whole_system(directory, message_key=MASTER) as system,
        Redis.from_url(system.redis_url) as broker,
    ):
        waited(system, broker, [])
        for _ in range(rounds):
            alone.append(waited(system, broker, []))
            behind.append(waited(system, broker, flood_of(messages)))
            throw_away(broker)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--messages", type=int, default=20_000, help="of the flood (%(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="of each kind (%(default)s)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    said = machine()
    with tempfile.TemporaryDirectory(prefix="mlrisk-bench-") as made:
        # The servers' unprivileged user must pass through it when we are root.
        Path(made).chmod(0o711)
        found = measure(Path(made), arguments.messages, arguments.rounds)
    figures = {what: quantiles(values) for what, values in found.items()}
    if arguments.json:
        print(json.dumps({"machine": said, "seconds": figures}))
        return 0
    print(f"{said}\n\n{'seconds until it is decided':36}{'p50':>9}{'max':>9}")
    for what, values in figures.items():
        print(f"{what:36}{values['p50']:9.3f}{values['max']:9.3f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
