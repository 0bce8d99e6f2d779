"""Who may do what on the embedded Redis: its users, as its access control file names them.

A user has one set of keys, to read (%R), to write (%W) or both (~), in every database. Passwords
are kept as their SHA-256, and no user but the supervisor's has a command that looks at or changes
the server, another's connection, or everybody's keys at once.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from config.celery import DOOR, QUEUES, WORKERS

OURS = "mlrisk"
"""All data; given to no process. For those that a person starts by hand."""
ADMIN = "supervisor"
"""Adds and removes users; no process but the supervisor and the console knows its password."""
STRATEGY = "strategy-"
"""Before the name of a strategy."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
"""Of a strategy: it becomes part of a user's name and of a file's."""
CONSOLE, FEED, WORKER, BEAT, FLOWER = "console", "feed", "worker", "beat", "flower"
USER_OF_PROCESS: Mapping[str, str] = MappingProxyType(
    {"feed": FEED, "beat": BEAT, "flower": FLOWER, **dict.fromkeys(WORKERS, WORKER)}
)
"""Of the processes that `mlrisk up` starts."""

_WOKEN_BY_FEED = (DOOR, "exits", "execution", "emergency")
_HIDDEN = "resetkeys resetchannels -@all"
_CONNECTING = "+auth +hello +ping +select +client|setname +client|setinfo +multi +exec +discard"
# INFO, and a connection's own name and id, are all that clients need of what is dangerous. Of the
# rest goes what tells of others' keys or channels and names no key, and so is held by no pattern.
_COMMANDS = (
    "+@all -@admin -@dangerous -client -script -function -pubsub -swapdb -keys -randomkey -scan "
    "+info +client|setname +client|setinfo +client|getname +client|id "
    "+script|load +script|exists"
)


def _queues(names: Iterable[str], may: str) -> str:
    # kombu puts two control characters between a queue's name and a priority.
    return " ".join(f"{may}{name} {may}{name}??[369]" for name in names)


def _publishing(queues: Iterable[str]) -> str:
    """Puts messages onto queues, and can't take, read or drop one, whatever else its user may.

    Before it kombu asks for a queue's length, and declares the queue.
    """
    names = tuple(queues)
    bindings = (f"~_kombu.binding.{name} %W~_kombu.binding_permanent.{name}" for name in names)
    return f"({_queues(names, '%W~')} +lpush +llen) ({' '.join(bindings)} +sadd +smembers)"


# A message is taken, in its strategy's turn, kept until it is acknowledged, and answered.
_TAKING = (
    f"{_queues(QUEUES, '~')} ~{DOOR}.* ~_kombu.* ~unacked* ~celery-task-meta-* &celery-task-meta-*"
)
# What workers are told and asked, their answers, and the events that they tell. A pattern is
# subscribed to by its own letters: one that another covers isn't enough.
_CONTROL = "~*.celery.pidbox* ~celeryev.* &/0.celery.pidbox &/0.celeryev/* &/0.celeryev/worker.*"
# The exchange's rate of orders, and what it has closed to us.
_EXCHANGE = "~mlrisk:orders:* ~mlrisk:closed:* ~mlrisk:address-ban"
_CORRELATIONS = "mlrisk:correlations"
_VIEWS = ("mlrisk:market:*", "mlrisk:mark:*")
# How often a message has killed its process.
_DEATHS = "~mlrisk:deaths:*"
_WORKER_RULES = (
    f"{_TAKING} {_DEATHS} {_CONTROL} {_EXCHANGE} ~{_CORRELATIONS} %R~{' %R~'.join(_VIEWS)} "
    f"{_COMMANDS}"
)
_RULES: Mapping[str, str] = MappingProxyType(
    {
        OURS: f"~* &* {_COMMANDS} +scan",
        # A halt takes messages away and revokes tasks, orders are cancelled at the exchange, and a
        # worker that a person starts by hand has the home's settings.
        CONSOLE: _WORKER_RULES,
        WORKER: _WORKER_RULES,
        # It makes the market, and wakes who validates and sends.
        FEED: f"{_EXCHANGE} ~{' ~'.join((*_VIEWS, _CORRELATIONS))} {_COMMANDS} "
        f"{_publishing(_WOKEN_BY_FEED)}",
        # It wakes workers, and at its start drops what isn't ours of its schedule.
        BEAT: f"~mlrisk:beat:* {_COMMANDS} +scan {_publishing(QUEUES)}",
        # It hears events, asks workers and measures queues: it takes, reads and adds no message.
        FLOWER: f"{_queues(QUEUES, '%R~')} %R~celery-task-meta-* {_CONTROL} "
        "~_kombu.binding*.celery.pidbox ~_kombu.binding*.celeryev ~_kombu.binding_deadlines "
        f"{_CONNECTING} +llen +get +mget +sadd +srem +smembers +del +exists +pexpire +brpop "
        "+time +zadd +zrem +zrangebyscore +evalsha +script|load +script|exists "
        "+publish +psubscribe +punsubscribe",
    }
)
# An answer is read, or waited for, by its task's id, which nobody can guess or list.
_STRATEGY_RULES = (
    f"%R~celery-task-meta-* &celery-task-meta-* {_CONNECTING} +get +mget +subscribe +unsubscribe "
    f"{_publishing([DOOR])}"
)


def password_of(user: str, ours: str, admin: str) -> str:
    """The password of a user of ours; those of processes follow from the supervisor's."""
    if user in (OURS, ADMIN):
        return ours if user == OURS else admin
    return hmac.new(admin.encode(), user.encode(), hashlib.sha256).hexdigest()


def rules_of(user: str) -> list[str]:
    """The rules of a user of ours, as ACL SETUSER takes them, without its password."""
    return f"{_HIDDEN} {_RULES[user]}".split(" ")


def strategy_user(name: str, password: str) -> list[str]:
    """A strategy's user: its name and its rules, as ACL SETUSER takes them."""
    return _user(STRATEGY + name, password, _STRATEGY_RULES)


def users(ours: str, admin: str, strategies: Mapping[str, str]) -> str:
    """The file's text, from the passwords of us, of the supervisor and of each strategy."""
    found = [
        # Nobody logs in as this one. As it the server reads its log, and what it may not is lost.
        ["default", "off", "resetpass", "~*", "&*", "+@all"],
        _user(ADMIN, admin, "~* &* +@all"),
        *(_user(name, password_of(name, ours, admin), rules) for name, rules in _RULES.items()),
        *(strategy_user(name, password) for name, password in sorted(strategies.items())),
    ]
    return "".join(f"user {' '.join(words)}\n" for words in found)


def _user(name: str, password: str, rules: str) -> list[str]:
    hashed = hashlib.sha256(password.encode()).hexdigest()
    return [name, "on", f"#{hashed}", *f"{_HIDDEN} {rules}".split(" ")]
