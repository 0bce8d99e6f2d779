"""The exchange is away for a while: what waits stays short, exits come first, and work goes on."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import func, select

from bot.clock import SystemClock
from bot.execution.orders.control import ParentControl
from bot.execution.ports import DispatcherOnly
from models.enums import ChildState
from models.tables import ChildOrderRow
from tests.support.agreement import accepted_links, assert_request_agrees, assert_system_agrees
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, some_size, trade_request

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

TRADES, HORIZON = 4, 240
SCHEDULE = {"algorithm": "twap", "horizon_seconds": HORIZON, "interval_seconds": 1}
"""Nobody waits for its end: it leaves a busy machine room, and is cancelled when all is proven."""
SIZE = Decimal(20)
LATE = 40
"""So many slices have missed their time when the exchange comes back."""
WAITING = 110
"""A slice is woken once for its own time, up to 5 s before it, and its message expires 18 s after
it: 4 of them a second make no more, however slowly they are taken. Of those that are late only each
trade's first is woken again. Each of them, every few seconds, were 2,135 after a minute."""


@pytest.fixture
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(
        postgres,
        keep_exchange=True,
        queues=("validation", "execution", "emergency", "dispatch", "sweeping", "monitoring"),
    ) as running:
        yield running


def enqueue(system: MiniSystem, **changes: object) -> str:
    expires = datetime.now(UTC) + timedelta(seconds=2 * HORIZON)
    request = trade_request(expires_at=expires.isoformat(), **changes)
    outcome = system.outcome(request)
    assert outcome["verdict"] in ("allow", "shrink"), outcome["checks_failed"]
    return str(request["request_id"])


def waiting(system: MiniSystem) -> int:
    """Messages in the sending queues, and those that a worker has taken and holds."""
    with system.redis.client(0) as broker:
        queues = ("emergency", "exits", "execution")
        return sum(map(broker.llen, queues)) + broker.hlen("unacked")


def late(system: MiniSystem, names: list[str]) -> int:
    """How many planned slices of these trades have missed their time."""
    with system.session() as session:
        return (
            session.scalar(
                select(func.count())
                .select_from(ChildOrderRow)
                .where(
                    ChildOrderRow.request_id.in_(names),
                    ChildOrderRow.state == ChildState.PLANNED,
                    ChildOrderRow.planned_at < datetime.now(UTC),
                )
            )
            or 0
        )


def test_the_queues_stay_short_exits_go_first_and_trades_go_on(system: MiniSystem) -> None:
    held = enqueue(system, metadata={"strategy": "leaving"})
    system.wait(lambda: system.finished(held), "a position")
    twaps = [
        enqueue(
            system,
            symbol="ETHUSDT",
            signal_data={**SCHEDULE, "position_size": f"{SIZE * Decimal(some_size()):f}"},
        )
        for _ in range(TRADES)
    ]
    system.wait(lambda: all(accepted_links(system, name) for name in twaps), "the first slices")

    system.exchange.kill()
    longest = 0

    def enough() -> bool:
        nonlocal longest
        longest = max(longest, waiting(system))
        return late(system, twaps) >= LATE

    system.wait(enough, "late slices")
    # Two slices far apart: it lasts longer than the outage.
    leaving = {**SCHEDULE, "interval_seconds": HORIZON / 2, "reduce_only": True}
    exit_ = enqueue(
        system,
        side="sell",
        priority="emergency",
        signal_data=leaving,
        metadata={"strategy": "leaving"},
    )

    def tried() -> bool:
        # Who has never asked the exchange proves its identity first, and gets no further.
        first = system.children(exit_)[0]
        return first.posts > 0 or first.wakes > 0

    system.wait(tried, "the exit to be tried in vain")
    assert longest <= WAITING
    known = set(accepted_links(system, *twaps))

    system.exchange.start()
    exit_link, *_ = system.wait(lambda: accepted_links(system, exit_), "the exit")
    links = [str(record["orderLinkId"]) for record in system.exchange.journal("create")]
    ahead = set(links[: links.index(exit_link)]) - known - set(accepted_links(system, held))
    assert len(ahead) < LATE, "the exit waited for what was late"
    for name in twaps:
        system.wait(lambda name=name: set(accepted_links(system, name)) - known, "a new slice")

    control = ParentControl(system.db, SystemClock(), DispatcherOnly(), account="paper")
    for name in (*twaps, exit_):
        control.cancel(name, reason="all is proven", actor="test")
        system.wait(lambda name=name: system.finished(name), "its end")
        assert assert_request_agrees(system, name).filled_qty > 0
    assert_system_agrees(system)
