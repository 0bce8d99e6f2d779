"""Runs a Redis or Valkey server, with a log on disk and users in a file."""

import os
import signal
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self
from urllib.parse import quote

import redis
import redis.exceptions
from redis.backoff import NoBackoff
from redis.retry import Retry

from bot.errors import DependencyDown
from config.private_files import write_private
from workers.embedded import acl
from workers.embedded.privileges import give_to_unprivileged, running_as_root, unprivileged
from workers.embedded.redis_program import server_program
from workers.supervision.ports import LOOPBACK

STOP_SIGNAL = "TERM"
MEMORY_MB = 512
"""The server's memory in MB: room for some 100,000 waiting messages. A full server refuses further
messages and market views. New risk then stops until the queues are shorter."""
_PROBE_TIMEOUT_SECONDS = 2
LIMITS = (
    f"maxmemory {MEMORY_MB}mb",
    # All clients together; the largest one is closed first. A message is far below 16 MB.
    "maxmemory-clients 128mb",
    "client-output-buffer-limit normal 64mb 32mb 30",
    "client-output-buffer-limit pubsub 32mb 8mb 60",
    "client-query-buffer-limit 32mb",
    "proto-max-bulk-len 16mb",
    # Silent clients are closed to make room. A client that waits for a message is not silent, and
    # our own clients dial again.
    "timeout 600",
    "tcp-keepalive 60",
    # No client may write files, run code or read memory, even with all rights.
    "enable-protected-configs no",
    "enable-module-command no",
    "enable-debug-command no",
    'rename-command RESTORE ""',
)
"""The limits of clients' memory, and forbidden functions. The containers' Redis has the same."""


class RedisError(DependencyDown):
    """The embedded Redis could not be prepared."""


@dataclass(frozen=True)
class EmbeddedRedis:
    """One Redis server on one port of 127.0.0.1 that keeps its log in `directory`."""

    directory: Path
    port: int
    password: str = field(repr=False)
    admin_password: str = field(repr=False)
    strategies: Mapping[str, str] = field(default_factory=dict, repr=False)
    """The password of each strategy, by its name."""

    @property
    def users(self) -> Path:
        """The access control file."""
        return self.directory / "users.acl"

    @property
    def configuration(self) -> Path:
        """The configuration file, readable by us alone."""
        return self.directory / "redis.conf"

    def prepare(self) -> None:
        """Create the directory and write the configuration, readable by us alone."""
        if not all((self.password, self.admin_password, *self.strategies.values())):
            raise RedisError("Redis is not started without a password")
        self.directory.mkdir(parents=True, exist_ok=True)
        self.directory.chmod(0o700)
        lines = [
            f"bind {LOOPBACK}",
            f"port {self.port}",
            "protected-mode yes",
            "daemonize no",
            f"dir {_quoted(str(self.directory))}",
            # A broker must not lose queues. Redis keeps no log by default, and may be set to evict
            # keys.
            "appendonly yes",
            "appendfsync everysec",
            'save ""',
            "maxmemory-policy noeviction",
            f"aclfile {_quoted(str(self.users))}",
            # The log begins with commands instead of a dump, so that every server can read every
            # other's log.
            "aof-use-rdb-preamble no",
            *LIMITS,
        ]
        write_private(self.configuration, "\n".join(lines) + "\n")
        self.write_users()

    def write_users(self) -> None:
        """Write the access control file, which each start of the server reads."""
        write_private(self.users, acl.users(self.password, self.admin_password, self.strategies))
        self._give_away()

    def tell_users(self) -> bool:
        """Tell the running server its strategies; False when no server of ours runs.

        Only the connections of removed strategies end. ACL LOAD would end all connections.
        """
        if not self.is_ready():
            return False
        with self.admin() as admin:
            known = {acl.STRATEGY + name for name in self.strategies}
            for user in admin.acl_users():
                if user.startswith(acl.STRATEGY) and user not in known:
                    admin.acl_deluser(user)
            for name, password in self.strategies.items():
                user, *rules = acl.strategy_user(name, password)
                admin.execute_command("ACL", "SETUSER", user, "reset", *rules)
        return True

    def keep_log(self, wanted: bool) -> bool:
        """Let the running server keep its log, or go on without it; tell whether that is a change.

        Without its log the server writes nothing, so that no failed write makes it refuse messages.
        Its data is then lost when it ends. Raises redis' errors when it can't be asked.
        """
        with self.admin() as admin:
            admin.set_retry(Retry(NoBackoff(), 0))  # the caller asks again
            if admin.config_get("appendonly") == {"appendonly": _word(wanted)}:
                return False
            admin.config_set("appendonly", _word(wanted))
        return True

    def without(self, name: str) -> Self:
        """The same server without this strategy."""
        left = {other: word for other, word in self.strategies.items() if other != name}
        return replace(self, strategies=left)

    def command(self) -> list[str]:
        """Return the command line of the server in the foreground."""
        program = server_program()
        return unprivileged(
            [str(program), str(self.configuration)],
            [self.configuration, program],
            death_signal=signal.SIGTERM,
        )

    def is_ready(self) -> bool:
        """Tell whether PING by password is answered. It is not while the server loads its log."""
        try:
            with self.client() as client:
                client.set_retry(Retry(NoBackoff(), 0))  # the caller asks again
                return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False

    def client(self, database: int = 0) -> redis.Redis:
        """Return a new client of one database, with our rights."""
        return self._client(database, acl.OURS, self.password)

    def admin(self) -> redis.Redis:
        """Return a new client that may do everything."""
        return self._client(0, acl.ADMIN, self.admin_password)

    def _client(self, database: int, user: str, password: str) -> redis.Redis:
        return redis.Redis(
            host=LOOPBACK,
            port=self.port,
            db=database,
            username=user,
            password=password,
            socket_timeout=_PROBE_TIMEOUT_SECONDS,
            socket_connect_timeout=_PROBE_TIMEOUT_SECONDS,
        )

    def url(self, database: int = 0, user: str = acl.OURS) -> str:
        """Return the URL of one database for a user of ours, password included."""
        password = acl.password_of(user, self.password, self.admin_password)
        return self._url(user, password, database)

    def strategy_url(self, name: str) -> str:
        """Return the broker's URL of a strategy, password included."""
        return self._url(acl.STRATEGY + name, self.strategies[name], 0)

    def _url(self, user: str, password: str, database: int) -> str:
        login = f"{user}:{quote(password, safe='')}"
        return f"redis://{login}@{LOOPBACK}:{self.port}/{database}"

    def _give_away(self) -> None:
        """Hand the server's files to the unprivileged user, including those of a former server of
        root's."""
        if not running_as_root():
            return
        give_to_unprivileged(self.directory)
        # That user may put links here. No link is followed, and no file with a second name is
        # handed over.
        for _, directories, files, place in os.fwalk(self.directory):
            for name in (*directories, *files):
                status = os.stat(name, dir_fd=place, follow_symlinks=False)
                if stat.S_ISDIR(status.st_mode) or status.st_nlink == 1:
                    give_to_unprivileged(Path(name), place=place)


def _word(wanted: bool) -> str:
    return "yes" if wanted else "no"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
