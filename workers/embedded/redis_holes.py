"""Known holes of Redis and Valkey servers, and the first version of each line without them.

The list is from the release notes of both projects. It leaves out holes that only members of a
cluster can use, because our server never is one.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

Version = tuple[int, int, int]

_REDIS, _VALKEY = "redis", "valkey"
# The output of `redis-server --version` and `valkey-server --version`.
_BANNER = re.compile(r"^(Redis|Valkey) server v=(\d+)\.(\d+)\.(\d+)\b")
_DIGITS = re.compile(r"^(\d+)\.(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True)
class Hole:
    """One weakness; `fixed` has the first version without it, one for each line of releases."""

    cve: str
    text: str
    fixed: Mapping[str, tuple[Version, ...]]
    since: Mapping[str, Version] = field(default_factory=dict)
    """The first version with the hole. Default: all older versions have it."""
    needs: str | None = None
    """A right that a client needs to use the hole, and that our own server gives to nobody."""


HOLES = (
    Hole(
        "CVE-2025-21605",
        "a client without a password can fill the memory",
        {
            _REDIS: ((6, 2, 18), (7, 2, 8), (7, 4, 3)),
            _VALKEY: ((7, 2, 9), (8, 0, 3), (8, 1, 1)),
        },
    ),
    Hole(
        "CVE-2025-49844",
        "Lua scripts can run foreign code, with CVE-2025-46817, 46818 and 46819",
        {
            _REDIS: ((6, 2, 20), (7, 2, 11), (7, 4, 6), (8, 0, 4), (8, 2, 2)),
            _VALKEY: ((7, 2, 11), (8, 0, 6), (8, 1, 4)),
        },
    ),
    Hole(
        "CVE-2025-67733",
        "a script can forge answers to other clients",
        {_REDIS: (), _VALKEY: ((7, 2, 12), (8, 0, 7), (8, 1, 6), (9, 0, 2))},
    ),
    Hole(
        "CVE-2026-27623",
        "a client without a password can stop the server",
        {_REDIS: (), _VALKEY: ((9, 0, 3),)},
        since={_VALKEY: (9, 0, 0)},
    ),
    Hole(
        "CVE-2026-23479",
        "blocked clients can run foreign code, with CVE-2026-23631",
        {
            _REDIS: ((7, 2, 14), (7, 4, 9), (8, 2, 6), (8, 4, 3), (8, 6, 3)),
            _VALKEY: ((7, 2, 13), (8, 0, 8), (8, 1, 7), (9, 0, 4)),
        },
        since={_REDIS: (7, 2, 0)},
    ),
    Hole(
        "CVE-2026-63639",
        "RESTORE can run foreign code",
        {_REDIS: (), _VALKEY: ((7, 2, 14), (8, 0, 10), (8, 1, 9), (9, 0, 5), (9, 1, 1))},
        needs="RESTORE",
    ),
    Hole(
        "CVE-2026-56684",
        "TLS can run foreign code",
        {_REDIS: (), _VALKEY: ((7, 2, 14), (8, 0, 10), (8, 1, 9), (9, 0, 5), (9, 1, 1))},
        needs="TLS",
    ),
    Hole(
        "CVE-2026-81934",
        "TLS can run foreign code",
        {
            _REDIS: (
                *((6, 2, 24), (7, 2, 16), (7, 4, 11)),
                *((8, 2, 9), (8, 4, 6), (8, 6, 6), (8, 8, 2), (8, 10, 1)),
            ),
            _VALKEY: (),
        },
        needs="TLS",
    ),
)


@dataclass(frozen=True, slots=True)
class Server:
    """A server's kind (`redis` or `valkey`) and version."""

    kind: str
    version: Version

    def __str__(self) -> str:
        return f"{self.kind} {'.'.join(map(str, self.version))}"

    @property
    def holes(self) -> list[Hole]:
        """The known holes of this version, those that need no special right first."""
        found = [hole for hole in HOLES if self._has(hole)]
        return sorted(found, key=lambda hole: hole.needs is not None)

    @property
    def is_safe(self) -> bool:
        """Tell whether no client of ours, and no client without a password, could use a known
        hole."""
        return all(hole.needs is not None for hole in self.holes)

    def _has(self, hole: Hole) -> bool:
        fixed = hole.fixed[self.kind]
        if not fixed or self.version < hole.since.get(self.kind, (0, 0, 0)):
            return False
        for first in fixed:
            if first[:2] == self.version[:2]:
                return self.version < first
        # A line that began after the fix has it. An older line without a fix never gets one.
        return self.version < max(fixed)


def from_banner(text: str) -> Server | None:
    """Read a server program's output of `--version`; None if it is another program."""
    found = _BANNER.match(text)
    if found is None:
        return None
    kind, *numbers = found.groups()
    return Server(kind.lower(), _version(numbers))


def from_info(info: Mapping[str, object]) -> Server | None:
    """Read the section `server` of INFO."""
    for kind in (_VALKEY, _REDIS):  # Valkey names a Redis version, too: the one it began from
        found = _DIGITS.match(str(info.get(f"{kind}_version", "")))
        if found is not None:
            return Server(kind, _version(found.groups()))
    return None


def _version(numbers: "list[str] | tuple[str, ...]") -> Version:
    major, minor, patch = (int(number) for number in numbers)
    return major, minor, patch
