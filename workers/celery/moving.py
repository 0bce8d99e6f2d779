"""Reads the oldest items of a Redis list, and moves them to other lists.

An item that was read may be gone when it is moved, because another worker may take from the same
list. Digests name the items, so that only those that were read are moved. Most of the cost of an
item is its way to Redis and back. One answer therefore has many items, and one question names all
items that go to the same place one after the other. Redis also moves one batch and reads another
while the caller judges a third.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import accumulate, groupby, pairwise
from operator import attrgetter
from typing import Any, NamedTuple, cast

from redis import Redis

AT_ONCE = 250
"""The largest number of items that are read together."""
BYTES_AT_ONCE = 1_048_576
"""The largest size of items that are read together, in bytes. A single item may be larger."""

# One text is read much faster than as many texts as there are items.
_OLDEST = """
local most, limit, behind = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local items, sizes, bytes = {}, {}, 0
local function answer() return {table.concat(sizes, ' '), table.concat(items)} end
while #items < most do
  local last = behind + #items + 1
  local some = redis.call('LRANGE', KEYS[1], -math.min(last + 24, behind + most), -last)
  if #some == 0 then break end
  for i = #some, 1, -1 do
    bytes = bytes + #some[i]
    if #items > 0 and bytes > limit then return answer() end
    table.insert(items, some[i])
    table.insert(sizes, #some[i])
  end
end
return answer()
"""

# A lane's name is stored before its items, because workers look only into named lanes.
_MOVE = """
local moved = 0
for i = 1, #ARGV, 4 do
  local digests, lane, side, count = unpack(ARGV, i, i + 3)
  local items = redis.call('LRANGE', KEYS[1], -count, -1)
  for n, item in ipairs(items) do items[n] = redis.sha1hex(item) end
  if table.concat(items) ~= digests then break end
  redis.call('SADD', KEYS[2], lane)
  for _ = 1, count do redis.call('LMOVE', KEYS[1], lane, 'RIGHT', side) end
  moved = moved + count
end
return moved
"""

_Script = tuple[Any, ...]
"""A script, the number of its keys, its keys and its arguments."""
_Answers = Callable[[], list[Any]]


class Move(NamedTuple):
    """An item, and the end of the list to which it goes."""

    item: bytes
    lane: str
    side: str
    """`LEFT` behind all others, `RIGHT` before them."""


def oldest(client: Redis, key: str, most: int) -> list[bytes]:
    """The oldest items of a list, the oldest first: `most`, unless they are too large."""
    return _items(client.eval(*_reading(key, most)))


def move(client: Redis, key: str, known: str, wanted: Sequence[Move]) -> int:
    """Move the oldest items of a list, the oldest first, and add their lanes to the set `known`.

    Return the number of moved items. Those at the end are left when others are there by now.
    """
    return cast(int, client.eval(*_moving(key, known, wanted)))


def move_all(
    client: Redis,
    key: str,
    known: str,
    judge: Callable[[list[bytes]], Sequence[Move]],
    goes_on: Callable[[int, int], bool],
) -> Iterator[Move]:
    """Move the items of a list in batches, the oldest first, to where `judge` says.

    Yield what was moved. `goes_on` is asked before each further batch is read, with the number and
    the bytes of the items so far. Others' work on the same list ends this.
    """
    number = size = 0
    judged: Sequence[Move] = ()
    with _conversation(client) as ask:
        items = _items(ask(_reading(key, AT_ONCE))()[0])
        while items:
            number += len(items)
            size += sum(map(len, items))
            questions = [_moving(key, known, judged)] if judged else []
            if further := goes_on(number, size):
                # What is judged now is still there, before what is read.
                questions.append(_reading(key, AT_ONCE, behind=len(items)))
            answers = ask(*questions)
            wanted = judge(items)
            found = answers()
            if judged:
                moved = found[0]
                yield from judged[:moved]
                if moved < len(judged):
                    return
            items, judged = _items(found[-1]) if further else [], wanted
        if judged:
            (moved,) = ask(_moving(key, known, judged))()
            yield from judged[:moved]


def _reading(key: str, most: int, behind: int = 0) -> _Script:
    """The script that reads the oldest items but `behind` older ones."""
    return (_OLDEST, 1, key, min(most, AT_ONCE), BYTES_AT_ONCE, behind)


def _items(answer: Any) -> list[bytes]:
    sizes, text = answer
    ends = accumulate(map(int, sizes.split()), initial=0)
    return [text[start:end] for start, end in pairwise(ends)]


def _moving(key: str, known: str, wanted: Sequence[Move]) -> _Script:
    """The script that moves items."""
    words: list[str | int] = []
    for (lane, side), run in groupby(wanted, key=attrgetter("lane", "side")):
        # Redis lists the newest first.
        digests = [_digest(each.item) for each in run][::-1]
        words += ["".join(digests), lane, side, len(digests)]
    return (_MOVE, 2, key, known, *words)


def _digest(item: bytes) -> str:
    """The item's digest as Redis computes it. It keeps nothing secret."""
    return hashlib.sha1(item, usedforsecurity=False).hexdigest()


@contextmanager
def _conversation(client: Redis) -> Iterator[Callable[..., _Answers]]:
    """A connection that asks now, and reads the answers when they are wanted."""
    pool: Any = client.connection_pool
    connection = pool.get_connection()
    unread = 0

    def ask(*scripts: _Script) -> _Answers:
        nonlocal unread
        connection.send_packed_command(connection.pack_commands([("EVAL", *s) for s in scripts]))
        unread += len(scripts)
        return lambda: [answer() for _ in scripts]

    def answer() -> Any:
        nonlocal unread
        unread -= 1
        return connection.read_response()

    try:
        yield ask
    finally:
        if unread:  # the next user of the connection would take them for its own
            connection.disconnect()
        pool.release(connection)
