"""What is woken while nobody can work: few messages, in the right order, and none for ever."""

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from celery import Celery

from bot.errors import DependencyDown
from bot.execution.sending.dispatch import ENOUGH_WAITING, EXECUTION, EXITS
from bot.execution.sending.retrying import LONGEST_BACKOFF_SECONDS, LONGEST_EXIT_BACKOFF_SECONDS
from config.celery import VISIBILITY_TIMEOUT_SECONDS, celery_settings
from models.enums import ChildState
from tasks.queue import CeleryTaskQueue, QueueDepth
from tests.support.desk import Desk
from tests.support.services import RedisServer

pytestmark = pytest.mark.services

TWAPS = ("r-1", "r-2", "r-3", "r-4")
SLICES = 60


def approve_twaps(desk: Desk, count: int = len(TWAPS)) -> None:
    """TWAPs of one slice a second."""
    desk.limits.change(
        max_repeated_orders=100,
        max_position_share=Decimal(1),
        max_portfolio_risk=Decimal(1),
        max_correlated_share=Decimal(1),
        max_net_exposure_share=Decimal(1),
        concentration_free_share=Decimal(1),
    )
    for number in range(1, count + 1):
        outcome = desk.approve(
            f"r-{number}",
            signal_data={
                "position_size": "6000",
                "algorithm": "twap",
                "horizon_seconds": SLICES,
                "interval_seconds": 1,
            },
        )
        assert outcome["verdict"] != "deny"
    assert len(desk.children()) == count * SLICES


def take_messages(desk: Desk) -> list[int]:
    """What a worker with time would do now: every message that is due, once."""
    now = desk.clock.now()
    due = [key for key, at in desk.task_queue.children if at <= now]
    desk.task_queue.children[:] = [(key, at) for key, at in desk.task_queue.children if at > now]
    for child_id in due:
        desk.send(child_id)
    return due


@pytest.fixture
def app(redis: RedisServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Celery]:
    """The broker as workers use it, and nobody that works."""
    app = Celery(set_as_current=False)
    app.conf.update(celery_settings(redis.url()))
    monkeypatch.setattr("tasks.queue.current_app", app)
    yield app
    app.close()


def test_an_exchange_that_is_away_makes_few_messages_and_few_posts(desk: Desk) -> None:
    approve_twaps(desk)
    taken, pending = 0, 0
    for _ in range(SLICES):
        desk.exchange.faults = [(DependencyDown("gone", code="not_sent"), False)] * 1000
        taken += len(take_messages(desk))
        pending = max(pending, len(desk.task_queue.children))
        desk.pass_time(1)
        desk.dispatcher.tick()
    # Each slice is woken once for its own time; then only a parent's first late one is.
    assert taken <= len(TWAPS) * SLICES * 2
    assert desk.exchange.posts <= len(TWAPS) * SLICES * 2
    assert pending <= len(TWAPS) * 8


def test_an_exit_is_tried_more_often_than_slices_while_the_exchange_is_away(desk: Desk) -> None:
    desk.approve("r-in")
    desk.send_due()
    desk.stream()
    desk.approve("r-out", side="sell", signal_data={"position_size": "2000", "reduce_only": True})
    (child,) = desk.children("r-out")
    for _ in range(10):
        desk.exchange.faults = [(DependencyDown("gone", code="not_sent"), False)]
        desk.send(child.child_id)
        (child,) = desk.children("r-out")
        wait = (child.due_at - desk.clock.now()).total_seconds()
        assert 0 < wait <= LONGEST_EXIT_BACKOFF_SECONDS
        desk.pass_time(wait)
    assert child.posts == 10


@pytest.mark.long
def test_late_slices_follow_one_by_one_when_the_exchange_is_back(desk: Desk) -> None:
    approve_twaps(desk)
    for _ in range(20):
        desk.exchange.faults = [(DependencyDown("gone", code="not_sent"), False)] * 1000
        take_messages(desk)
        desk.pass_time(1)
        desk.dispatcher.tick()
    desk.exchange.faults = []
    sent_before = desk.exchange.posts
    for _ in range(int(LONGEST_BACKOFF_SECONDS) + 30):
        while take_messages(desk):
            pass
        desk.stream()
        desk.pass_time(1)
        desk.dispatcher.tick()
    assert desk.exchange.posts > sent_before
    late = [
        child
        for child in desk.children()
        if child.state == ChildState.PLANNED
        and child.planned_at < desk.clock.now() - timedelta(seconds=2)
    ]
    assert late == []


def test_of_a_parents_late_children_only_the_first_is_woken_by_the_dispatcher(desk: Desk) -> None:
    approve_twaps(desk)
    desk.pass_time(30)
    desk.task_queue.children.clear()
    desk.dispatcher.tick()
    late_before = desk.clock.now() - timedelta(seconds=1)
    by_id = {child.child_id: child for child in desk.children()}
    late = [key for key, _ in desk.task_queue.children if by_id[key].planned_at < late_before]
    assert sorted(by_id[key].request_id for key in late) == list(TWAPS)
    assert {by_id[key].slot for key in late} == {0}


def gaps_between_wake_ups(desk: Desk) -> list[int]:
    """In seconds, while nobody works on any of them."""
    moments = []
    for second in range(120):
        desk.task_queue.children.clear()
        desk.dispatcher.tick()
        if desk.task_queue.children:
            moments.append(second)
        desk.pass_time(1)
    return [later - earlier for earlier, later in pairwise(moments)]


def test_a_wake_up_in_vain_is_repeated_ever_more_seldom(desk: Desk) -> None:
    desk.approve()
    gaps = gaps_between_wake_ups(desk)
    assert gaps[0] < gaps[1] <= 20
    assert gaps[1:] == [gaps[1]] * len(gaps[1:])


def test_an_exits_wake_up_in_vain_is_repeated_at_the_same_pace(desk: Desk) -> None:
    """When the exchange is back, an exit must not wait for the pace of a long outage."""
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    desk.approve("r-out", side="sell", signal_data={"position_size": "1000"})
    gaps = gaps_between_wake_ups(desk)
    assert len(gaps) > 20
    assert set(gaps) == {gaps[0]}


def test_a_stopped_worker_finds_no_more_than_seconds_of_work(
    desk: Desk, app: Celery, redis: RedisServer
) -> None:
    depth = QueueDepth(redis.url())
    task_queue = CeleryTaskQueue(clock=desk.clock)
    dispatcher = replace(
        desk.dispatcher, deps=replace(desk.deps, task_queue=task_queue), depth=depth
    )
    approve_twaps(desk, 8)
    for _ in range(180):
        dispatcher.tick()
        desk.pass_time(1)
    assert depth(EXECUTION) == ENOUGH_WAITING
    assert dispatcher.tick() == 0


def test_an_exit_is_woken_however_long_the_queue_of_what_adds_is(
    desk: Desk, app: Celery, redis: RedisServer
) -> None:
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    with redis.client() as client:
        client.rpush(EXECUTION, *(["{}"] * ENOUGH_WAITING))
    depth = QueueDepth(redis.url())
    dispatcher = replace(
        desk.dispatcher,
        deps=replace(desk.deps, task_queue=CeleryTaskQueue(clock=desk.clock)),
        depth=depth,
    )
    desk.approve("r-2")
    desk.approve("r-out", side="sell", signal_data={"position_size": "1000"})
    desk.pass_time(10)
    assert dispatcher.tick() == 1
    assert (depth(EXECUTION), depth(EXITS)) == (ENOUGH_WAITING, 1)
    (exit_child,) = desk.children("r-out")
    assert exit_child.reduce_only


def test_every_message_expires_and_none_waits_beyond_the_visibility_timeout(
    desk: Desk, app: Celery, redis: RedisServer
) -> None:
    task_queue = CeleryTaskQueue(clock=desk.clock)
    now = desk.clock.now()
    for seconds in (0, 4, VISIBILITY_TIMEOUT_SECONDS - 1, VISIBILITY_TIMEOUT_SECONDS + 600):
        task_queue.child(1, now + timedelta(seconds=seconds))
        task_queue.parent("r-1", now + timedelta(seconds=seconds))
    with redis.client() as client:
        messages = [json.loads(raw)["headers"] for raw in client.lrange(EXECUTION, 0, -1)]
    assert len(messages) == 4
    for headers in messages:
        eta = now if headers["eta"] is None else datetime.fromisoformat(headers["eta"])
        expires = datetime.fromisoformat(headers["expires"])
        assert (eta - now).total_seconds() < VISIBILITY_TIMEOUT_SECONDS / 2
        assert eta < expires <= eta + timedelta(seconds=20)


def test_a_child_that_waits_for_minutes_waits_in_its_row(desk: Desk) -> None:
    desk.approve()
    desk.task_queue.children.clear()
    desk.exchange.faults = [(DependencyDown("banned", code="x", after_seconds=600.0), False)]
    desk.send_due()
    assert desk.task_queue.children == []
    child = desk.child()
    assert child.wake_at is None
    assert child.due_at >= desk.clock.now() + timedelta(seconds=600)
