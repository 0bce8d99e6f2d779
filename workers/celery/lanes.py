"""Serves strategies in turn: the messages of each strategy wait in a lane of their own.

The queue at which strategies ask has one order, in which 20,000 messages of one strategy would
stand before another's. So before a worker takes a message, it puts what waits there into lanes,
and the lanes are served in turn. A strategy that sends much waits behind itself alone, and its
exits do not even wait behind its own entries.

A name in a message costs nothing, and a proof of it costs some times as much as all else. So an
item waits where it claims to belong, and is proven when it is the oldest of its lane.

An item moves from the queue to its lane in one step inside Redis: at any moment it is in one of
both, whichever process dies. From a lane it is taken as from a queue.
"""

import base64
import hashlib
import json
import logging
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
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
_SAYS_EXIT = re.compile(r'"reduce_only\\?"\s*:\s*true')
"""In a signed text or in a body that has one as a string: neither is read a second time for it."""
_AskedBy = Callable[[str, Any], tuple[str, bool]]
"""From a message's body and its signature: the strategy, and whether it asks for an exit."""

AT_LEAST = 2_000
"""So many items are sorted before one message is taken, and more while there is time."""
SORTING_SECONDS = 0.5
"""A worker that has room waits for it, and answers nobody meanwhile."""
_MOST_BYTES = 16 * MAX_ITEM_BYTES
_AT_ONCE = 50
"""Items that are read together, so that large ones don't fill the memory."""
MOST_PROOFS = 2_000
"""Oldest items of lanes that are proven before one message is taken."""

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
    return _somewhere(item, _by_its_words if signatures is None else partial(_proven, signatures))


def claimed_place_of(item: bytes) -> Place:
    """The lane that the item's signature names, unproven: a proof costs some times as much."""
    return _somewhere(item, _as_claimed)


def _somewhere(item: bytes, asked_by: _AskedBy) -> Place:
    try:
        return _place(item, asked_by)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, NotAuthentic):
        return Place(NOBODYS_LANE)


def _place(item: bytes, asked_by: _AskedBy) -> Place:
    if len(item) > MAX_ITEM_BYTES:
        return Place(NOBODYS_LANE)
    found = json.loads(item)
    headers = found["headers"]
    again = headers.get("redelivered") is True
    if headers["task"] in _OURS:
        return Place(OUR_LANE, again)
    if headers["task"] != authentication.TASK:
        return Place(NOBODYS_LANE, again)
    encoded = found["properties"].get("body_encoding") == "base64"
    body = base64.b64decode(found["body"]).decode() if encoded else found["body"]
    strategy, exits = asked_by(body, headers.get(HEADER))
    # By its own words: an entry that claims to be an exit is refused as one.
    return Place((_EXITS if exits else _ENTRIES) + _word(strategy), again)


def _by_its_words(body: str, _: object) -> tuple[str, bool]:
    request = _request(body)
    asked = json.loads(request) if isinstance(request, str) else request
    exits = asked["signal_data"].get("reduce_only") is True
    return asked.get("metadata", {}).get("strategy", "default"), exits


def _proven(signatures: Signatures, body: str, header: Any) -> tuple[str, bool]:
    request = _request(body)
    strategy = signatures.check(authentication.TASK, request, header).strategy
    return strategy, _SAYS_EXIT.search(request) is not None


def _as_claimed(body: str, header: Any) -> tuple[str, bool]:
    return header["strategy"], _SAYS_EXIT.search(body) is not None


def _request(body: str) -> Any:
    args, named, _ = json.loads(body)
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
        self._proofs = 0
        """Since the last message was taken."""

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
        try:
            return self._proven_first(client)
        except ResponseError as error:
            log.error("what waits in lanes can't be moved: %s", error, extra={"queue": DOOR})
            return list(self._order)

    def served(self, lane: str) -> None:
        """The lane had its turn."""
        if lane in self._order:
            self._order.remove(lane)
            self._order.append(lane)

    def _proven_first(self, client: Redis) -> list[str]:
        """The lanes in turn, from the first whose oldest item is its strategy's.

        Items that others have put before it are taken out. A worker that is faster may leave one
        of them to us: then it is refused like any that nobody sent.
        """
        self._proofs = 0
        for place, lane in enumerate(self._order if self._signatures is not None else ()):
            if lane == NOBODYS_LANE or self._begins_with_its_own(client, lane):
                return [*self._order[place:], *self._order[:place]]
        return list(self._order)

    def _begins_with_its_own(self, client: Redis, lane: str) -> bool:
        """Takes out what is not the lane's, up to its own oldest item; false if it has none."""
        at_once = 1
        while self._proofs < MOST_PROOFS:
            items = cast(list[bytes], client.lrange(lane, -at_once, -1))
            foreign = self._foreign(items, lane)
            if foreign and self._move(client, lane, foreign) < len(foreign):
                return False  # another worker takes from it as well
            if len(foreign) < len(items):
                return True
            if not items:
                return False
            at_once = _AT_ONCE
        return False

    def _foreign(self, items: Sequence[bytes], lane: str) -> list[tuple[str, str, str]]:
        """What is before the first of the lane's own items, as `_wanted` tells it."""
        found = []
        for item in reversed(items):
            self._proofs += 1
            place = place_of(item, self._signatures)
            if place.lane == lane:
                break
            known = place.lane if place.lane in self._order else NOBODYS_LANE
            found.append((_digest(item), known, "LEFT"))
        return found

    def _move(self, client: Redis, source: str, wanted: Sequence[tuple[str, str, str]]) -> int:
        """Puts the oldest items of a list where they belong; returns how many."""
        words = [word for each in wanted for word in each]
        return int(client.eval(_MOVE, 2, source, LANES, *words))

    def _sort(self, client: Redis, queue: str, count: int, lanes: set[str], until: float) -> None:
        """Puts the oldest items of a queue into lanes: all, unless they are too many."""
        done = size = 0
        while done < count and ((done < AT_LEAST and size < _MOST_BYTES) or monotonic() < until):
            # Of a client that decodes nothing.
            items = cast(list[bytes], client.lrange(queue, -min(_AT_ONCE, count - done), -1))
            wanted = self._wanted(items, lanes)
            moved = self._move(client, queue, wanted)
            lanes.update(lane for _, lane, _ in wanted[:moved])
            done += moved
            size += sum(map(len, items))
            if not items or moved < len(items):
                break

    def _wanted(self, items: Sequence[bytes], lanes: set[str]) -> list[tuple[str, str, str]]:
        """For each item, the oldest first: its digest, its lane, and at which end it waits."""
        found, taken = [], set(lanes)
        for item in reversed(items):
            place = self._place(item, taken)
            is_new = place.lane not in taken and place.lane != OUR_LANE
            lane = NOBODYS_LANE if is_new and len(taken) >= MAX_LANES else place.lane
            taken.add(lane)
            found.append((_digest(item), lane, "RIGHT" if place.first else "LEFT"))
        return found

    def _place(self, item: bytes, lanes: set[str]) -> Place:
        """Into a lane that is there an item goes as it claims; only a proof makes a new one."""
        if self._signatures is None:
            return place_of(item, None)
        claimed = claimed_place_of(item)
        if claimed.lane in lanes or claimed.lane in (OUR_LANE, NOBODYS_LANE):
            return claimed
        return place_of(item, self._signatures)


def _digest(item: bytes) -> str:
    """Redis' own name of what it has; nothing is kept secret by it."""
    return hashlib.sha1(item, usedforsecurity=False).hexdigest()
