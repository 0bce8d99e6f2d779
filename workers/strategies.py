"""Strategies that may reach the embedded broker: each has a user, a password and a file of its own.

The file holds the strategy's broker URL and nothing else of the system's. The home's ports may
change at a start, and the files follow.
"""

import fcntl
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.errors import Refused
from config.private_files import write_private
from workers.embedded import acl
from workers.embedded.redis import EmbeddedRedis
from workers.home import Home


@dataclass(frozen=True, slots=True)
class Changed:
    """The result of adding or removing a strategy."""

    url_file: Path
    at_once: bool
    """Whether the running server knows of the change. Otherwise its next start does."""


def add(home: Home, name: str) -> Changed:
    """Give a strategy a user and a URL. A known strategy keeps its password."""
    with _alone(home):
        server = server_of(home, [name])
        server.write_users()
        write_urls(home, server)
        return Changed(url_file(home, name), server.tell_users())


def remove(home: Home, name: str) -> Changed:
    """Remove a strategy's user and its open connections. If it is added again, it has a new
    password.

    Raises Refused for an unknown strategy.
    """
    with _alone(home):
        server = server_of(home)
        if name not in server.strategies:
            raise Refused(f"no strategy is called {name!r}; `mlrisk strategy list` names all")
        server = server.without(name)
        server.write_users()
        at_once = server.tell_users()
        # Last, so that an interrupted removal can be repeated.
        url_file(home, name).unlink(missing_ok=True)
        key_file(home, name).unlink(missing_ok=True)
        _secret_file(home, name).unlink()
        return Changed(url_file(home, name), at_once)


def names_of(home: Home) -> list[str]:
    """The strategies that were added and not removed."""
    found = (path.name.removeprefix(acl.STRATEGY) for path in home.secrets.glob(f"{acl.STRATEGY}*"))
    return sorted(name for name in found if acl.NAME.match(name))


def url_file(home: Home, name: str) -> Path:
    """The file with a strategy's broker URL."""
    return home.path / "strategies" / f"{name}.url"


def write_urls(home: Home, server: EmbeddedRedis) -> None:
    """Leave each strategy's URL in its file, readable by the home's owner alone."""
    for name in server.strategies:
        _leave(url_file(home, name), server.strategy_url(name))


def server_of(home: Home, more: Iterable[str] = ()) -> EmbeddedRedis:
    """The home's server as it is or will be, with its strategies and those of `more`."""
    ports = home.known_ports()
    port = ports["redis"] if "redis" in ports else home.ports(["redis"])["redis"]
    names = sorted({*names_of(home), *map(checked, more)})
    return EmbeddedRedis(
        home.redis,
        port,
        home.secret("redis-password"),
        home.secret("redis-supervisor-password"),
        {name: home.secret(_secret_file(home, name).name) for name in names},
    )


def key_file(home: Home, name: str) -> Path:
    """The file with the key that signs a strategy's requests."""
    return home.path / "strategies" / f"{name}.key"


def write_key(home: Home, name: str, key_line: str) -> Path:
    """Leave a strategy's key in its file, readable by the home's owner alone."""
    path = key_file(home, name)
    _leave(path, key_line)
    return path


def rules_for_another_server(name: str) -> str:
    """The command that makes a strategy's user on another Redis, with a placeholder for the
    password."""
    user, on, _, *rules = acl.strategy_user(checked(name), "")
    return " ".join(["ACL SETUSER", user, on, ">PASSWORD", *rules])


def checked(name: str) -> str:
    """Returns the name. Raises Refused if it can't be a user's and a file's name."""
    if not acl.NAME.match(name):
        raise Refused(
            "a strategy's name has up to 32 lower-case letters, digits, - and _, and begins with a "
            f"letter or a digit: {name!r}"
        )
    return name


def _leave(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, exist_ok=True)
    write_private(path, text)


def _secret_file(home: Home, name: str) -> Path:
    return home.secrets / f"{acl.STRATEGY}{name}"


@contextmanager
def _alone(home: Home) -> Iterator[None]:
    """Holds a lock: two changes at once would each leave out the other's users."""
    with (home.run / "strategies.lock").open("a", encoding="ascii") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
