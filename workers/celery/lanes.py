"""Serves strategies in turn: the messages of each strategy wait in a lane of their own.

The strategies' queue has one order, in which 20,000 messages of one strategy would delay all
others. Before a worker takes a message, it therefore sorts waiting messages into lanes. It serves
the lanes in turn. A strategy that sends much waits only behind itself, and its exits don't wait
behind its own entries.

A message may claim any name, and checking a claim costs several times as much as the rest. An item
therefore waits in the lane that it claims. It is proven when it is the oldest of that lane.

Redis moves an item from the queue to its lane in one step. The item is always in one of the two,
even if a process dies. A worker takes items from a lane as from a queue.
"""

import hashlib
import json
import logging
import re
from binascii import a2b_base64
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from redis import Redis
from redis.exceptions import ResponseError

from bot.decision import authentication
from bot.decision.signing import HEADER, Signatures
from bot.errors import NotAuthentic
from config.celery import LANES, OUR_LANE, STRATEGY_QUEUE
from models.messages import is_identifier
from tasks.monitoring import CANARY_TASK
from tasks.validation import SET_ASIDE, VALIDATE_STORED
from workers.celery import moving
from workers.celery.items import MAX_ITEM_BYTES
from workers.celery.moving import Move

log = logging.getLogger(__name__)

NOBODYS_LANE = f"{STRATEGY_QUEUE}.nobodys"
"""The lane of messages without a proven sender, and of items that are no message."""
MAX_LANES = 200
"""The largest number of lanes. Messages under further names share nobody's lane. The bound is
needed because names are free without message keys."""
_ENTRIES, _EXITS = f"{STRATEGY_QUEUE}.of.", f"{STRATEGY_QUEUE}.exits."
_OURS = (VALIDATE_STORED, SET_ASIDE, CANARY_TASK)
_SAYS_EXIT = re.compile(r'"reduce_only\\?"\s*:\s*true')
"""Finds an exit's flag in a signed text, or in a body that holds one as a string, without parsing
it again."""
_AskedBy = Callable[[str, Any], tuple[str, bool]]
"""Returns the strategy and whether it asks for an exit, from a message's body and signature."""

AT_LEAST = 2_000
"""The number of items that are sorted before one message is taken. More are sorted while there is
time."""
SORTING_SECONDS = 1.0
"""The time for sorting more than AT_LEAST items, in seconds. The worker answers nobody
meanwhile."""
_MOST_BYTES = 16 * MAX_ITEM_BYTES
_PROOFS_AT_ONCE = 50
MOST_PROOFS = 2_000
"""The largest number of items that are proven before one message is taken. Only the oldest items of
lanes are proven."""

# Returns the length of each queue, and the lanes that hold items. Empty lanes are forgotten.
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
    """The place at which an item waits."""

    lane: str
    first: bool = False
    """Whether a worker took it before and did not finish it."""


def is_lane(name: str) -> bool:
    """Whether a key is a lane and no queue."""
    return name in (OUR_LANE, NOBODYS_LANE) or name.startswith((_ENTRIES, _EXITS))


def place_of(item: bytes, signatures: Signatures | None) -> Place:
    """The lane of an item's strategy: by its signature with message keys on, else by its text.

    Nothing else is decided here. The worker that takes the item reads it again within all bounds.
    """
    return _somewhere(item, _by_its_words if signatures is None else partial(_proven, signatures))


def claimed_place_of(item: bytes) -> Place:
    """The lane that the item's signature names. It is unproven, because a proof costs several times
    as much."""
    return _somewhere(item, _as_claimed)


def _somewhere(item: bytes, asked_by: _AskedBy) -> Place:
    try:
        return _place(item, asked_by)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError, NotAuthentic):
        return Place(NOBODYS_LANE)


def _place(item: bytes, asked_by: _AskedBy) -> Place:
    if len(item) > MAX_ITEM_BYTES:
        return Place(NOBODYS_LANE)
    found = json.loads(item.decode())
    headers = found["headers"]
    again = headers.get("redelivered") is True
    if headers["task"] in _OURS:
        return Place(OUR_LANE, again)
    if headers["task"] != authentication.TASK:
        return Place(NOBODYS_LANE, again)
    encoded = found["properties"].get("body_encoding") == "base64"
    body = a2b_base64(found["body"]).decode() if encoded else found["body"]
    strategy, exits = asked_by(body, headers.get(HEADER))
    # The flag is the item's own claim. An entry that claims to be an exit is refused as an exit.
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
    """A strategy's name as a part of a key; a hash for names with other characters."""
    if is_identifier(strategy):
        return strategy
    return f"~{hashlib.sha256(strategy.encode('utf-8', 'surrogatepass')).hexdigest()[:16]}"


class Turns:
    """The order in which one worker serves the lanes."""

    def __init__(self, signatures: Signatures | None = None) -> None:
        self._signatures = signatures
        self._order: list[str] = []
        self._proofs = 0
        """The number of proofs since the last message was taken."""

    def next(self, client: Redis, queues: Sequence[str]) -> list[str]:
        """Sorts the items of `queues` into lanes; returns the lanes that hold items, in turn.

        An error is logged for a move that Redis refuses, and the items stay in their queue. The
        queue is served after the lanes.
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
            log.error(
                "waiting messages can't be sorted into lanes: %s",
                error,
                extra={"event": "what_waits_cant_be_put_into_lanes", "queue": STRATEGY_QUEUE},
            )
        self._order = [name for name in self._order if name in lanes]
        self._order += sorted(lanes.difference(self._order))
        try:
            return self._proven_first(client)
        except ResponseError as error:
            log.error(
                "messages can't be moved between lanes and queue: %s",
                error,
                extra={"event": "what_waits_in_lanes_cant_be_moved", "queue": STRATEGY_QUEUE},
            )
            return list(self._order)

    def served(self, lane: str) -> None:
        """Puts a lane that had its turn at the end of the order."""
        if lane in self._order:
            self._order.remove(lane)
            self._order.append(lane)

    def _proven_first(self, client: Redis) -> list[str]:
        """The lanes in turn, from the first one that begins with a proven item of its own.

        Foreign items before that item are moved to other lanes. A faster worker may leave one of
        them to us. It is then refused like any item without a proven sender.
        """
        self._proofs = 0
        for place, lane in enumerate(self._order if self._signatures is not None else ()):
            if lane == NOBODYS_LANE or self._begins_with_its_own(client, lane):
                return [*self._order[place:], *self._order[:place]]
        return list(self._order)

    def _begins_with_its_own(self, client: Redis, lane: str) -> bool:
        """Moves foreign items out, up to the lane's own oldest item; false if it finds no such
        item."""
        at_once = 1
        while self._proofs < MOST_PROOFS:
            items = moving.oldest(client, lane, at_once)
            foreign = self._foreign(items, lane)
            if foreign and moving.move(client, lane, LANES, foreign) < len(foreign):
                return False  # another worker takes from it as well
            if len(foreign) < len(items):
                return True
            if not items:
                return False
            at_once = _PROOFS_AT_ONCE
        return False

    def _foreign(self, items: Sequence[bytes], lane: str) -> list[Move]:
        """The foreign items before the first of the lane's own."""
        found = []
        for item in items:
            self._proofs += 1
            place = place_of(item, self._signatures)
            if place.lane == lane:
                break
            known = place.lane if place.lane in self._order else NOBODYS_LANE
            found.append(Move(item, known, "LEFT"))
        return found

    def _sort(self, client: Redis, queue: str, count: int, lanes: set[str], until: float) -> None:
        """Sorts the oldest items of a queue into lanes: all of them, unless there are too many."""

        def goes_on(done: int, size: int) -> bool:
            few = done < AT_LEAST and size < _MOST_BYTES
            return done < count and (few or monotonic() < until)

        if not count:
            return
        taken = set(lanes)
        for each in moving.move_all(client, queue, LANES, partial(self._wanted, taken), goes_on):
            lanes.add(each.lane)

    def _wanted(self, taken: set[str], items: Sequence[bytes]) -> list[Move]:
        """The place of each item, oldest first. Adds the lanes to those that are taken."""
        found = []
        for item in items:
            place = self._place(item, taken)
            is_new = place.lane not in taken and place.lane != OUR_LANE
            lane = NOBODYS_LANE if is_new and len(taken) >= MAX_LANES else place.lane
            taken.add(lane)
            found.append(Move(item, lane, "RIGHT" if place.first else "LEFT"))
        return found

    def _place(self, item: bytes, lanes: set[str]) -> Place:
        """An item joins a known lane by its claim. A new lane needs a proof."""
        if self._signatures is None:
            return place_of(item, None)
        claimed = claimed_place_of(item)
        if claimed.lane in lanes or claimed.lane in (OUR_LANE, NOBODYS_LANE):
            return claimed
        return place_of(item, self._signatures)
