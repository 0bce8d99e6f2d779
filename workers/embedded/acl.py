"""Who may do what on the embedded Redis: its users, as its access control file names them.

A user has one set of keys, to read (%R), to write (%W) or both (~), in every database. Passwords
are kept as their SHA-256, and no user but the supervisor's has a command that looks at or changes
the server, another's connection, or everybody's keys at once.
"""

import hashlib
import re
from collections.abc import Mapping

OURS = "mlrisk"
"""Feed, workers, beat, Flower and console."""
ADMIN = "supervisor"
"""Adds and removes users; no process but the supervisor and the console knows its password."""
STRATEGY = "strategy-"
"""Before the name of a strategy."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
"""Of a strategy: it becomes part of a user's name and of a file's."""

_QUEUE = "validation"
# INFO, and a connection's own name and id, are all that clients need of what is dangerous.
_OUR_RULES = (
    "~* &* +@all -@admin -@dangerous +info +client|setname +client|setinfo +client|getname "
    "+client|id -script +script|load +script|exists -swapdb -keys -randomkey"
)
# kombu puts two control characters between a queue's name and a priority.
# A message goes onto the queue; before it kombu declares the queue and asks for its length.
# An answer is read, or waited for, by its task's id, which nobody can guess or list.
_STRATEGY_RULES = (
    f"%W~{_QUEUE} %W~{_QUEUE}??[369] "
    f"~_kombu.binding.{_QUEUE} %W~_kombu.binding_permanent.{_QUEUE} "
    "%R~celery-task-meta-* &celery-task-meta-* "
    "+auth +hello +ping +select +client|setname +client|setinfo +multi +exec +discard "
    "+lpush +llen +sadd +smembers +get +mget +subscribe +unsubscribe"
)


def strategy_user(name: str, password: str) -> list[str]:
    """A strategy's user: its name and its rules, as ACL SETUSER takes them."""
    return _user(STRATEGY + name, password, _STRATEGY_RULES)


def users(ours: str, admin: str, strategies: Mapping[str, str]) -> str:
    """The file's text, from the passwords of us, of the supervisor and of each strategy."""
    found = [
        # Nobody logs in as this one. As it the server reads its log, and what it may not is lost.
        ["default", "off", "resetpass", "~*", "&*", "+@all"],
        _user(ADMIN, admin, "~* &* +@all"),
        _user(OURS, ours, _OUR_RULES),
        *(strategy_user(name, password) for name, password in sorted(strategies.items())),
    ]
    return "".join(f"user {' '.join(words)}\n" for words in found)


def _user(name: str, password: str, rules: str) -> list[str]:
    hashed = hashlib.sha256(password.encode()).hexdigest()
    return [name, "on", f"#{hashed}", "resetkeys", "resetchannels", "-@all", *rules.split(" ")]
