"""One reader serves everybody, only while somebody looks, and one bad reading ends nothing."""

import asyncio
import itertools
import json
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.errors import RetryLater
from config.settings import Settings
from console.screen.view import ScreenView
from console.web.facts import Facts
from console.web.watch import Frame, Watch

NOW = datetime(2026, 11, 30, tzinfo=UTC)


class Source:
    """Readings that differ by their problem alone."""

    def __init__(self) -> None:
        self.read_times = 0
        self.fails = False

    def read(self) -> Facts:
        self.read_times += 1
        if self.fails:
            raise ValueError("drill")
        view = ScreenView("/home", NOW, None, problem=f"reading {self.read_times}")
        return Facts(NOW, Settings(home=Path("/home"), exchange_url="http://x"), view, None, None)


async def _heard(watch: Watch, count: int) -> list[Frame]:
    found: list[Frame] = []
    async with aclosing(watch.frames()) as frames:
        async for frame in frames:
            found.append(frame)
            if len(found) == count:
                break
    return found


async def test_many_pages_cost_one_reading_each_time() -> None:
    source = Source()
    watch = Watch(source.read, period_seconds=0.01)
    running = asyncio.create_task(watch.run())
    heard = await asyncio.gather(*(_heard(watch, 3) for _ in range(20)))
    running.cancel()
    assert watch.pages == 0
    assert all(len(frames) == 3 for frames in heard)
    assert source.read_times < 20


@pytest.mark.parametrize(("cost", "pause"), [(0.01, 1.0), (0.1, 2.0), (9.0, 4.0)])
async def test_a_reading_that_costs_much_comes_less_often(cost: float, pause: float) -> None:
    """Seen: on a busy machine one open page took a third of a processor."""
    used = itertools.count(1.0, cost)
    watch = Watch(Source().read, processor_seconds=lambda: next(used))
    assert watch._pause() == 1.0
    await watch.newest()
    assert watch._pause() == pytest.approx(pause)


async def test_nobody_looks_and_nothing_is_read() -> None:
    source = Source()
    watch = Watch(source.read, period_seconds=0.001)
    running = asyncio.create_task(watch.run())
    await asyncio.sleep(0.05)
    running.cancel()
    assert source.read_times == 0


async def test_a_page_gets_what_it_has_not_seen() -> None:
    source = Source()
    watch = Watch(source.read, period_seconds=0.01)
    running = asyncio.create_task(watch.run())
    first, second = await _heard(watch, 2)
    running.cancel()
    said = json.loads(second.event(first.number))
    assert "state" in said["panels"] and "queues" not in said["panels"]
    assert said["state"].startswith("UNKNOWN: reading")


async def test_a_bad_reading_leaves_the_last_one_and_the_next_one_counts() -> None:
    source = Source()
    watch = Watch(source.read, period_seconds=0.01)
    source.fails = True
    with pytest.raises(RetryLater):
        await watch.newest()
    source.fails = False
    assert (await watch.newest()).number == 0


async def test_an_end_ends_every_page() -> None:
    watch = Watch(Source().read)
    await watch.newest()
    pages = asyncio.gather(*(_heard(watch, 99) for _ in range(3)))
    while watch.pages < 3:
        await asyncio.sleep(0)
    await watch.end()
    assert [len(frames) for frames in await pages] == [1, 1, 1]
