"""The one directory that holds a system's whole state: data, secrets, ports, logs."""

import fcntl
import json
import logging
import os
import secrets
import stat
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot.errors import Refused
from config.homes import default_home, environment_file, expanded
from config.private_files import take_away, write_private
from config.state_files import DamagedFileError, read_object
from workers.supervision.ports import free_port, is_free

log = logging.getLogger(__name__)

_PRIVATE = 0o700
# Others may pass through but not look: Postgres runs as another user when we are root.
_PASSABLE = 0o711
_PASSWORD_BYTES = 24
_CHOOSE = "choose a new or an empty directory with --home"
_MARK = "mlrisk-home"
_MARK_TEXT = "This directory is a home of mlrisk: its state, its secrets, its logs.\n"
# The entries of every home that was made before there was a mark.
_UNMARKED = ("run/lock", "redis", "paper", "secrets", "logs")


class HomeInUseError(Refused):
    """Another process runs this home."""

    def __init__(self, path: Path, pid: int) -> None:
        super().__init__(
            f"{path} is already run by process {pid}; stop that system first "
            "or choose another home with --home"
        )
        self.pid = pid


class HomeRefusedError(Refused):
    """The path is no home of ours and can't become one; nothing there was changed."""


class HomeOwnerError(HomeRefusedError):
    """The home belongs to another user. That user's servers couldn't read the files that ours
    write."""


class SecretFileError(Refused):
    """A secret's file is empty or damaged, and nothing is started with it."""


class Home:
    """One system's state below one path; two homes never share anything."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = expanded(path or default_home())
        if any(not character.isprintable() for character in str(self.path)):
            raise ValueError(f"a home's path can't hold control characters: {str(self.path)!r}")
        self.postgres = self.path / "postgres"
        self.redis = self.path / "redis"
        self.paper = self.path / "paper"
        self.logs = self.path / "logs"
        self.run = self.path / "run"
        self.secrets = self.path / "secrets"

    def __repr__(self) -> str:
        return f"Home({str(self.path)!r})"

    def check(self) -> None:
        """Make sure that the path is a home of ours, empty, or not there; change nothing.

        Raises HomeRefusedError for anything else: a directory with somebody's files in it, one of
        another user (root's included), a link, a file.
        """
        try:
            status = self.path.lstat()
            if not stat.S_ISDIR(status.st_mode):
                kind = "a link" if stat.S_ISLNK(status.st_mode) else "no directory"
                raise HomeRefusedError(f"{self.path} is {kind}; {_CHOOSE}")
            if status.st_uid != os.geteuid():
                raise HomeOwnerError(
                    f"{self.path} belongs to user {status.st_uid}, and this is user "
                    f"{os.geteuid()}; run mlrisk as its owner or choose another home with --home"
                )
            if self._is_marked():
                return
            if status.st_mode & stat.S_IWOTH:
                raise HomeRefusedError(f"{self.path} is open to every user; {_CHOOSE}")
            if any(self.path.iterdir()):
                raise HomeRefusedError(f"{self.path} holds files that aren't mlrisk's; {_CHOOSE}")
        except FileNotFoundError:
            return
        except OSError as error:
            raise self._unusable(error) from error

    def create(self) -> None:
        """Make the directories that are missing, with their modes.

        Raises HomeRefusedError as `check` does, and when a directory can't be made.
        """
        self.check()
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            # The mark comes first, so that an interrupted start leaves a directory that is known as
            # ours.
            if not (self.path / _MARK).exists():
                write_private(self.path / _MARK, _MARK_TEXT)
            self.path.chmod(_PASSABLE)
            for directory in (self.redis, self.paper, self.logs, self.run, self.secrets):
                directory.mkdir(exist_ok=True)
                directory.chmod(_PRIVATE)
        except OSError as error:
            raise self._unusable(error) from error

    def secret(self, name: str) -> str:
        """Return a secret of this home; it is drawn once and then stays."""
        path = self.secrets / name
        if not path.exists():
            write_private(path, secrets.token_urlsafe(_PASSWORD_BYTES))
        try:
            secret = path.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise SecretFileError(f"{path} can't be read ({type(error).__name__})") from error
        if not secret or not secret.isprintable():
            # Never drawn again: a server that was made with the former secret accepts no other.
            raise SecretFileError(f"{path} holds no secret any more: put it back from a copy")
        return secret

    def ports(self, names: Iterable[str]) -> dict[str, int]:
        """Return a port for each name: the one of last time if it is free, else a new one.

        Call it before the servers start; afterwards read `known_ports`.
        """
        known = self.known_ports()
        chosen: dict[str, int] = {}
        for name in names:
            taken = {*chosen.values(), *known.values()}
            port = known.get(name)
            chosen[name] = port if port is not None and is_free(port) else free_port(taken)
        write_private(self._ports_file, json.dumps({**known, **chosen}, indent=2))
        return chosen

    def known_ports(self) -> dict[str, int]:
        """Return the ports chosen last, without looking whether they are in use.

        Those that can't be read are unknown; the next start chooses others.
        """
        try:
            stored = read_object(self._ports_file) or {}
        except DamagedFileError as error:
            log.warning(
                "%s: the next start chooses new ports",
                error,
                extra={"event": "ports_are_chosen_anew_at_the_next_start"},
            )
            return {}
        known = {name: port for name, port in stored.items() if _is_port(port)}
        if known != stored:
            log.warning(
                "%s has wrong ports: this start chooses new ones",
                self._ports_file,
                extra={"event": "has_wrong_ports_they_are_chosen_anew"},
            )
        return known

    def write_environment(self, variables: Mapping[str, str]) -> None:
        """Leave the running system's settings where `config.settings` finds them."""
        write_private(environment_file(self.path), json.dumps(dict(variables), indent=2))

    def clear_environment(self) -> None:
        """Take the settings away when the system has stopped."""
        take_away(environment_file(self.path))

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the home while a system is started; raise HomeInUseError if somebody else does.

        The kernel releases it when the holder dies.
        """
        path = self.run / "lock"
        if path.is_dir():
            log.warning(
                "%s is a directory: it is replaced by a file",
                path,
                extra={"event": "is_a_directory_made_anew"},
            )
            take_away(path)
        with path.open("a+", encoding="ascii", errors="replace") as stream:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                stream.seek(0)
                raise HomeInUseError(self.path, _number(stream.read())) from None
            stream.truncate(0)
            stream.write(str(os.getpid()))
            stream.flush()
            yield

    def _is_marked(self) -> bool:
        mark = self.path / _MARK
        if mark.is_file() and not mark.is_symlink():
            return True
        return all((self.path / name).exists() for name in _UNMARKED)

    def _unusable(self, error: OSError) -> HomeRefusedError:
        return HomeRefusedError(f"{self.path} can't be a home ({error.strerror}); {_CHOOSE}")

    @property
    def _ports_file(self) -> Path:
        return self.run / "ports.json"


def _is_port(port: object) -> bool:
    return type(port) is int and 0 < port < 65_536


def _number(text: str) -> int:
    """The process id in a lock file; 0 when it was cut short."""
    return int(text) if text.isascii() and text.isdigit() else 0
