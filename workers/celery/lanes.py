"""Serves strategies in turn: the messages of each strategy wait in a lane of their own.

The queue at which strategies ask has one order, in which 20,000 messages of one strategy would
stand before another's. So before a worker takes a message, it puts what waits there into lanes,
and the lanes are served in turn. A strategy that sends much waits behind itself alone, and its
exits do not even wait behind its own entries.

An item moves from the queue to its lane in one step inside Redis: at any moment it is in one of
both, whichever process dies. From a lane it is taken as from a queue.
"""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, cast

from redis import Redis
from redis.exceptions import ResponseError

from bot.decision import authentication
from bot.decision.signing import HEADER, Signatures
from bot.errors import NotAuthentic
from config.celery import DOOR, LANES, OUR_LANE
from models.messages import is_identifier
from tasks.monitoring import CANARY_TASK
from tasks.validation import SET_ASIDE, VALIDATE_STORED
from workers.celery.items import MAX_ITEM_BYTES

log = logging.getLogger(__name__)

NOBODYS_LANE = f"{DOOR}.nobodys"
"""What nobody can be proven to have sent, and what is no message at all."""
MAX_LANES = 200
"""More names than this share nobody's lane: where keys of messages are off, names cost nothing."""
_ENTRIES, _EXITS = f"{DOOR}.of.", f"{DOOR}.exits."
_OURS = (VALIDATE_STORED, SET_ASIDE, CANARY_TASK)
_SAYS_EXIT = re.compile(r'"reduce_only"\s*:\s*true')
"""In a signed text, which is not read a second time for it."""

AT_LEAST = 2_000
"""So many items are sorted before one message is taken, and more while there is time."""
SORTING_SECONDS = 0.5
"""A worker that has room waits for it, and answers nobody meanwhile."""
_MOST_BYTES = 16 * MAX_ITEM_BYTES
_AT_ONCE = 50
"""Items that are read together, so that large ones don't fill the memory."""

# The items are named by their digests, so that nothing is moved but what was looked at: another
# worker may sort the same queue. A lane is named first: nobody looks into one without a name.
_MOVE = """
local moved = 0
for i = 1, #ARGV, 3 do
  local item = redis.call('LINDEX', KEYS[1], -1)
  if not item or redis.sha1hex(item) ~= ARGV[i] then break end
  redis.call('SADD', KEYS[2], ARGV[i + 1])
  redis.call('LMOVE', KEYS[1], ARGV[i + 1], 'RIGHT', ARGV[i + 2])
  moved = moved + 1
end
return moved
"""

# How much waits in each queue, and the lanes in which something waits; empty ones are forgotten.
_LOOK = """
local waiting, lanes = {}, {}
for i = 2, #KEYS do waiting[i - 1] = redis.call('LLEN', KEYS[i]) end
for _, lane in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if redis.call('TYPE', lane)['ok'] == 'list' then
    table.insert(lanes, lane)
  else
    redis.call('SREM', KEYS[1], lane)
  end
end
return {waiting, lanes}
"""


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item waits."""

    lane: str
    first: bool = False
    """It was taken before, by a worker that did not finish it."""


def is_lane(name: str) -> bool:
    """Whether a key is a lane's, and no queue's."""
    return name in (OUR_LANE, NOBODYS_LANE) or name.startswith((_ENTRIES, _EXITS))


def place_of(item: bytes, signatures: Signatures | None) -> Place:
    """The lane of an item's strategy: by its signature where keys are on, else by its words.

    Nothing else is decided here. The worker that takes the item reads it again within all bounds.
    """
    try:
        return _place(item, signatures)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, NotAuthentic):
        return Place(NOBODYS_LANE)


def _place(item: bytes, signatures: Signatures | None) -> Place:
    if len(item) > MAX_ITEM_BYTES:
        return Place(NOBODYS_LANE)
    found = json.loads(item)
    headers = found["headers"]
    again = headers.get("redelivered") is True
    if headers["task"] in _OURS:
        return Place(OUR_LANE, again)
    if headers["task"] != authentication.TASK:
        return Place(NOBODYS_LANE, again)
    request = _request(found["body"], found["properties"].get("body_encoding"))
    if signatures is not None:
        strategy = signatures.check(authentication.TASK, request, headers.get(HEADER)).strategy
        exits = _SAYS_EXIT.search(request) is not None
    else:
        asked = json.loads(request) if isinstance(request, str) else request
        strategy = asked.get("metadata", {}).get("strategy", "default")
        exits = asked["signal_data"].get("reduce_only") is True
    # By its own words: an entry that claims to be an exit is refused as one.
    return Place((_EXITS if exits else _ENTRIES) + _word(strategy), again)


def _request(body: str, encoding: object) -> Any:
    text = base64.b64decode(body).decode() if encoding == "base64" else body
    args, named, _ = json.loads(text)
    return args[0] if args else named["request"]


def _word(strategy: str) -> str:
    """A part of a key for any name."""
    if is_identifier(strategy):
        return strategy
    return f"~{hashlib.sha256(strategy.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class Turns:
    """The lanes as one worker serves them."""

    def __init__(self, signatures: Signatures | None = None) -> None:
        self._signatures = signatures
        self._order: list[str] = []

    def next(self, client: Redis, queues: Sequence[str]) -> list[str]:
        """The lanes in which something waits, in turn, after what waits in `queues` was put there.

        What Redis refuses is told and stays where it is: the queue is served after the lanes.
        """
        lanes: set[str] = set()
        try:
            waiting, known = client.eval(_LOOK, 1 + len(queues), LANES, *queues)
            lanes = {name.decode("utf-8", "replace") for name in known}
            lanes = {name for name in lanes if is_lane(name)}
            until = monotonic() + SORTING_SECONDS
            for queue, count in zip(queues, waiting, strict=True):
                self._sort(client, queue, count, lanes, until)
        except ResponseError as error:
            log.error("what waits can't be put into lanes: %s", error, extra={"queue": DOOR})
        self._order = [name for name in self._order if name in lanes]
        self._order += sorted(lanes.difference(self._order))
        return list(self._order)

    def served(self, lane: str) -> None:
        """The lane had its turn."""
        if lane in self._order:
            self._order.remove(lane)
            self._order.append(lane)

    def _sort(self, client: Redis, queue: str, count: int, lanes: set[str], until: float) -> None:
        """Puts the oldest items of a queue into lanes: all, unless they are too many."""
        done = size = 0
        while done < count and ((done < AT_LEAST and size < _MOST_BYTES) or monotonic() < until):
            # Of a client that decodes nothing.
            items = cast(list[bytes], client.lrange(queue, -min(_AT_ONCE, count - done), -1))
            wanted = self._wanted(items, lanes)
            words = [word for each in wanted for word in each]
            moved = int(client.eval(_MOVE, 2, queue, LANES, *words))
            lanes.update(lane for _, lane, _ in wanted[:moved])
            done += moved
            size += sum(map(len, items))
            if not items or moved < len(items):
                break

    def _wanted(self, items: Sequence[bytes], lanes: set[str]) -> list[tuple[str, str, str]]:
        """For each item, the oldest first: its digest, its lane, and at which end it waits."""
        found, taken = [], set(lanes)
        for item in reversed(items):
            place = place_of(item, self._signatures)
            is_new = place.lane not in taken and place.lane != OUR_LANE
            lane = NOBODYS_LANE if is_new and len(taken) >= MAX_LANES else place.lane
            taken.add(lane)
            # Redis' own name of what it has; nothing is kept secret by it.
            digest = hashlib.sha1(item, usedforsecurity=False).hexdigest()
            found.append((digest, lane, "RIGHT" if place.first else "LEFT"))
        return found
