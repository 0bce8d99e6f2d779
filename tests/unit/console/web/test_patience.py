"""A page is waited for as long as Postgres answers others, and no longer."""

import asyncio
from typing import NoReturn

import pytest
from fastapi.responses import PlainTextResponse, Response

from console.web import patience
from console.web.patience import MOST_AT_WORK, Patience, PostgresHangs


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 0.01)


async def page() -> Response:
    return PlainTextResponse("a page")


async def hanging(may_end: asyncio.Event) -> Response:
    await may_end.wait()
    return await page()


async def test_a_page_comes_and_its_error_is_raised() -> None:
    asked: list[int] = []

    async def fails() -> NoReturn:
        raise ValueError("a defect")

    waiting = Patience(lambda: bool(asked.append(1)))
    assert (await waiting.wait_for(page())).body == b"a page"
    with pytest.raises(ValueError, match="a defect"):
        await waiting.wait_for(fails())
    assert asked == [], "nobody had to wait"


async def test_a_slow_page_is_waited_for_while_postgres_answers() -> None:
    may_end, asked = asyncio.Event(), list[int]()
    loop = asyncio.get_running_loop()

    def answers() -> bool:
        asked.append(1)
        if len(asked) == 3:
            loop.call_soon_threadsafe(may_end.set)
        return True

    assert (await Patience(answers).wait_for(hanging(may_end))).body == b"a page"
    assert len(asked) >= 3


async def test_a_page_is_left_when_postgres_hangs_and_ends_by_itself() -> None:
    may_end = asyncio.Event()
    waiting = Patience(lambda: False)
    with pytest.raises(PostgresHangs, match="does not answer"):
        await waiting.wait_for(hanging(may_end))
    assert len(waiting._at_work) == 1
    may_end.set()
    while waiting._at_work:
        await asyncio.sleep(0)


async def test_so_many_pages_wait_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patience, "FIRST_SECONDS", 60)
    may_end = asyncio.Event()
    waiting = Patience(lambda: True)
    pages = [asyncio.create_task(waiting.wait_for(hanging(may_end))) for _ in range(MOST_AT_WORK)]
    await asyncio.sleep(0)
    with pytest.raises(PostgresHangs, match="too many wait"):
        await waiting.wait_for(page())
    may_end.set()
    assert {answer.status_code for answer in await asyncio.gather(*pages)} == {200}
    assert (await waiting.wait_for(page())).status_code == 200
