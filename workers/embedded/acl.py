"""The rights on the embedded Redis: its users, as its access control file names them.

A user has one set of keys in every database: to read (%R), to write (%W) or both (~). Passwords are
stored as their SHA-256. Only the supervisor's user has commands that look at or change the server,
another connection, or everybody's keys at once.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType

from config.celery import QUEUES, STRATEGY_QUEUE, WORKERS

OURS = "mlrisk"
"""The user with all data. `mlrisk up` gives it to no process; it is for processes that a person
starts by hand."""
ADMIN = "supervisor"
"""The user that adds and removes users. Only the supervisor, the console and the disk watcher read
its password."""
STRATEGY = "strategy-"
"""The prefix of a strategy's user; the strategy's name follows it."""
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}\Z")
"""A strategy's name. It becomes part of a user's name and of a file's."""
CONSOLE, FEED, WORKER, BEAT, FLOWER = "console", "feed", "worker", "beat", "flower"
CANARIES, EXPORTER = "canaries", "exporter"
USER_OF_PROCESS: Mapping[str, str] = MappingProxyType(
    {
        **{"feed": FEED, "beat": BEAT, "flower": FLOWER},
        **{"canaries": CANARIES, "exporter": EXPORTER},
        # It reads the market, and shares the rights of those that decide by it.
        "safety": WORKER,
        # It halts as the console's commands do.
        "web": CONSOLE,
        **dict.fromkeys(WORKERS, WORKER),
    }
)
"""The user of each process that `mlrisk up` starts."""

_WOKEN_BY_FEED = (STRATEGY_QUEUE, "exits", "execution", "emergency", "monitoring")
_HIDDEN = "resetkeys resetchannels -@all"
_CONNECTING = "+auth +hello +ping +select +client|setname +client|setinfo +multi +exec +discard"
# Of the dangerous commands clients need only INFO and a connection's own name and id. Commands that
# show others' keys or channels and name no key are left out too, because no pattern of keys limits
# them.
_COMMANDS = (
    "+@all -@admin -@dangerous -client -script -function -pubsub -swapdb -keys -randomkey -scan "
    "+info +client|setname +client|setinfo +client|getname +client|id "
    "+script|load +script|exists"
)


def _queues(names: Iterable[str], may: str) -> str:
    # kombu puts two control characters between a queue's name and a priority.
    return " ".join(f"{may}{name} {may}{name}??[369]" for name in names)


def _publishing(queues: Iterable[str]) -> str:
    """The rules for putting messages onto queues. They are a selector apart from the user's other
    rules, and give no right to take, read or drop a message.

    Before kombu publishes, it asks for the queue's length and declares the queue.
    """
    names = tuple(queues)
    bindings = (f"~_kombu.binding.{name} %W~_kombu.binding_permanent.{name}" for name in names)
    return f"({_queues(names, '%W~')} +lpush +llen) ({' '.join(bindings)} +sadd +smembers)"


# A worker takes a message in its strategy's turn, keeps it until it is acknowledged, and answers
# it.
_TAKING = (
    f"{_queues(QUEUES, '~')} ~{STRATEGY_QUEUE}.* ~_kombu.* ~unacked* "
    "~celery-task-meta-* &celery-task-meta-*"
)
# Commands and questions to workers, their answers, and their events. Redis compares a subscribed
# pattern by its letters, so that a wider pattern is not enough.
_CONTROL = "~*.celery.pidbox* ~celeryev.* &/0.celery.pidbox &/0.celeryev/* &/0.celeryev/worker.*"
# The rate limiter of orders, and the endpoints that the exchange has closed to us.
_EXCHANGE = "~mlrisk:orders:* ~mlrisk:closed:* ~mlrisk:address-ban"
# Whether a look at the circuit breakers is asked for.
_LOOKS = "~mlrisk:breakers:*"
_CORRELATIONS = "mlrisk:correlations"
_VIEWS = ("mlrisk:market:*", "mlrisk:mark:*")
# The number of processes that each message has killed.
_DEATHS = "~mlrisk:deaths:*"
_WORKER_RULES = (
    f"{_TAKING} {_DEATHS} {_CONTROL} {_EXCHANGE} {_LOOKS} ~{_CORRELATIONS} "
    f"%R~{' %R~'.join(_VIEWS)} {_COMMANDS}"
)
# Flower hears events, asks workers and measures queues. It takes, reads and adds no message.
_ASKING_RULES = (
    f"{_queues(QUEUES, '%R~')} %R~celery-task-meta-* {_CONTROL} "
    "~_kombu.binding*.celery.pidbox ~_kombu.binding*.celeryev ~_kombu.binding_deadlines "
    f"{_CONNECTING} +llen +get +mget +sadd +srem +smembers +del +exists +pexpire +brpop "
    "+time +zadd +zrem +zrangebyscore +evalsha +script|load +script|exists "
    "+publish +psubscribe +punsubscribe"
)
# The exporter measures queues, lanes and what is taken, and changes nothing.
_MEASURING_RULES = (
    f"{_queues(QUEUES, '%R~')} %R~{STRATEGY_QUEUE}.* %R~unacked "
    f"{_CONNECTING} +llen +hlen +smembers +info"
)
_RULES: Mapping[str, str] = MappingProxyType(
    {
        OURS: f"~* &* {_COMMANDS} +scan",
        # A halt drops messages, revokes tasks and cancels orders at the exchange. A worker that a
        # person starts by hand has the home's settings, and so this user.
        CONSOLE: _WORKER_RULES,
        WORKER: _WORKER_RULES,
        # The feed writes the market, and wakes the workers that validate, send and judge breakers.
        FEED: f"{_EXCHANGE} {_LOOKS} ~{' ~'.join((*_VIEWS, _CORRELATIONS))} {_COMMANDS} "
        f"{_publishing(_WOKEN_BY_FEED)}",
        # Beat wakes workers. At its start it drops foreign entries of its schedule.
        BEAT: f"~mlrisk:beat:* {_COMMANDS} +scan {_publishing(QUEUES)}",
        FLOWER: _ASKING_RULES,
        # Measures the queues, and asks a worker whose canary stays away for its tasks.
        CANARIES: _ASKING_RULES,
        EXPORTER: _MEASURING_RULES,
    }
)
# A strategy reads an answer, or waits for it, by its task's id, which nobody can guess or list.
_STRATEGY_RULES = (
    f"%R~celery-task-meta-* &celery-task-meta-* {_CONNECTING} +get +mget +subscribe +unsubscribe "
    f"{_publishing([STRATEGY_QUEUE])}"
)


def password_of(user: str, ours: str, admin: str) -> str:
    """The password of a user of ours. A process's password is derived from the supervisor's."""
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
    """The text of the access control file, from our password, the supervisor's and each
    strategy's."""
    found = [
        # Nobody logs in as this user. The server reads its log as this user, and would lose each
        # command that the user may not run.
        ["default", "off", "resetpass", "~*", "&*", "+@all"],
        _user(ADMIN, admin, "~* &* +@all"),
        *(_user(name, password_of(name, ours, admin), rules) for name, rules in _RULES.items()),
        *(strategy_user(name, password) for name, password in sorted(strategies.items())),
    ]
    return "".join(f"user {' '.join(words)}\n" for words in found)


def _user(name: str, password: str, rules: str) -> list[str]:
    hashed = hashlib.sha256(password.encode()).hexdigest()
    return [name, "on", f"#{hashed}", *f"{_HIDDEN} {rules}".split(" ")]
