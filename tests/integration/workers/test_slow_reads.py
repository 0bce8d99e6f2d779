"""The workers of `mlrisk up` while the exchange takes orders at once and answers questions late."""

from collections.abc import Iterator

import pytest

from config.celery import WORKERS
from tests.support.agreement import accepted_links, assert_request_agrees, assert_system_agrees
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, mini_system, some_size, trade_request

pytestmark = [pytest.mark.services, pytest.mark.long, pytest.mark.timeout(400)]

SLICES = 10
HORIZON_SECONDS = 30.0
ANSWER_MS = 7000
"""Below the client's time-out: each look-up of two such questions takes 14 s, and waits for the
next."""


@pytest.fixture
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    with mini_system(postgres, keep_exchange=True, queues=tuple(WORKERS)) as running:
        yield running


def test_slices_go_out_while_each_look_up_of_an_order_takes_14_seconds(system: MiniSystem) -> None:
    """Seen: with one process for all of it, slices waited for the looks of the sweep."""
    for topic in ("execution", "order"):
        # Nothing is heard of an order, so that each must be looked up.
        system.exchange.fault("stream_gap", endpoint=topic)
    for question in ("order/realtime", "order/history", "execution/list", "position/list"):
        system.exchange.fault("delay_after", endpoint=question, ms=ANSWER_MS)
    work = {
        "algorithm": "twap",
        "horizon_seconds": HORIZON_SECONDS,
        "interval_seconds": HORIZON_SECONDS / SLICES,
    }
    request = trade_request(signal_data={**work, "position_size": some_size()})
    name = str(request["request_id"])
    assert system.outcome(request)["verdict"] == "allow"
    planned = len(system.children(name))
    assert planned == SLICES

    def all_accepted() -> bool:
        assert system.finished(name) is None or len(accepted_links(system, name)) == planned
        return len(accepted_links(system, name)) == planned

    system.wait(all_accepted, "every slice to go out")
    system.exchange.clear_faults()
    system.wait(lambda: system.finished(name), "the looks to find every fill")
    parent = assert_request_agrees(system, name)
    assert parent.filled_qty == parent.approved_qty
    assert_system_agrees(system)
