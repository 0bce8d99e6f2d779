"""One reader for everybody who looks: it reads once a second while a page is open, and every page
gets what has changed since its last event.

A reading that costs much comes less often, so that an open page takes little from a busy machine.
"""

import asyncio
import json
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from bot.errors import RetryLater
from console.web import render
from console.web.facts import Facts

log = logging.getLogger(__name__)

PERIOD_SECONDS = 1.0
MOST_SHARE = 0.05
"""The part of one processor that the readings may take, on average."""
LONGEST_PERIOD_SECONDS = 4.0
"""However much a reading costs, the next one comes after so long: pages say after five seconds
without an event that they are old."""
FRESH_SECONDS = 1.5
"""A page that is asked for shows facts that are at most this old."""


@dataclass(frozen=True)
class Frame:
    """One reading, drawn once for all. Each panel has the number of the reading that changed it."""

    number: int
    facts: Facts
    panels: dict[str, str] = field(repr=False)
    changed: dict[str, int]

    def event(self, seen: int) -> str:
        """What a page that has seen a reading does not know yet, as JSON."""
        new = {name: html for name, html in self.panels.items() if self.changed[name] > seen}
        return json.dumps(render.event_of(self.facts, new))


class Watch:
    """Reads and tells. It belongs to one event loop."""

    def __init__(
        self,
        read: Callable[[], Facts],
        period_seconds: float = PERIOD_SECONDS,
        processor_seconds: Callable[[], float] = time.thread_time,
    ) -> None:
        """`processor_seconds` tells what the calling thread has used so far."""
        self._read = read
        self._period = period_seconds
        self._processor_seconds = processor_seconds
        self._cost = 0.0
        """The processor time of the last reading, in seconds."""
        self._frame: Frame | None = None
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._told = asyncio.Condition()
        self._opened = asyncio.Event()
        self._pages = 0
        self._ends = False

    @property
    def pages(self) -> int:
        """The open pages."""
        return self._pages

    async def run(self) -> None:
        """Reads once a period while a page is open, until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await self._opened.wait()
            begun = loop.time()
            await self._look()
            await asyncio.sleep(max(0.05, begun + self._pause() - loop.time()))

    def _pause(self) -> float:
        """The seconds from one reading to the next."""
        return max(self._period, min(self._cost / MOST_SHARE, LONGEST_PERIOD_SECONDS))

    async def end(self) -> None:
        """Ends all open pages."""
        self._ends = True
        async with self._told:
            self._told.notify_all()

    async def newest(self) -> Frame:
        """A reading that is fresh enough for a page that is asked for. Raises RetryLater."""
        loop = asyncio.get_running_loop()
        if self._frame is None or loop.time() - self._read_at > FRESH_SECONDS:
            await self._look()
        if self._frame is None:
            raise RetryLater("the running system can't be read yet")
        return self._frame

    async def frames(self) -> AsyncGenerator[Frame, None]:
        """Each new reading; one that a slow page has missed is left out."""
        async with self._open_page():
            seen = -1
            while not self._ends:
                frame = self._frame
                if frame is not None and frame.number > seen:
                    seen = frame.number
                    yield frame
                    continue
                async with self._told:
                    if self._frame is frame and not self._ends:
                        await self._told.wait()

    @asynccontextmanager
    async def _open_page(self) -> AsyncIterator[None]:
        self._pages += 1
        self._opened.set()
        try:
            yield
        finally:
            self._pages -= 1
            if not self._pages:
                self._opened.clear()

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        async with self._reading:
            if self._read_at > asked_at:
                return  # another page's reading has begun since
            begun = loop.time()
            try:
                self._frame = await asyncio.to_thread(self._draw, self._frame)
            except Exception:  # one bad reading must not end the pages: they say that it is old
                log.exception("the console can't read", extra={"event": "web_console_cant_read"})
                return
            self._read_at = begun
        async with self._told:
            self._told.notify_all()

    def _draw(self, before: Frame | None) -> Frame:
        begun = self._processor_seconds()
        facts = self._read()
        number = 0 if before is None else before.number + 1
        panels = render.panels_of(facts)
        changed = {
            name: number if before is None or before.panels[name] != html else before.changed[name]
            for name, html in panels.items()
        }
        self._cost = self._processor_seconds() - begun
        return Frame(number, facts, panels, changed)
