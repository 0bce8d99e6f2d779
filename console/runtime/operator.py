"""Celery's part in an operator's commands, and their behaviour while it is away."""

from collections.abc import Callable
from functools import partial

from psycopg import InterfaceError, OperationalError
from psycopg.errors import LockNotAvailable, QueryCanceled
from redis import Redis
from redis.exceptions import RedisError

from bot.errors import MlriskError
from bot.exchange.protocol import Exchange
from bot.execution.ports import TaskQueue
from bot.execution.sending.rate_limiter import RedisOrderRateLimiter, connect
from bot.safety.halting.calling_back import Waiting, call_back
from bot.safety.halting.scope_at_exchange import ScopeAtExchange
from config.celery import MARKET_DATABASE, with_database
from config.keys.working import WorkingRules
from config.settings import Settings
from console.errors import CommandError, ExitCode
from tasks.queue import CeleryTaskQueue, revoke_queued

_PING_SECONDS = 2.0


def revoker(settings: Settings) -> Callable[[], int] | None:
    """A function that takes queued send tasks away; None where no broker is configured.

    The function raises RetryLater when it can't reach the broker. The halt holds all the same.
    """
    if settings.redis_url is None:
        return None

    def revoke() -> int:
        _use_application()
        return revoke_queued()

    return revoke


def too_fast_teller(settings: Settings) -> Callable[[float], None] | None:
    """A function that tells the workers' rate limiter how long the exchange accepts no cancel; None
    without a Redis."""
    if settings.redis_url is None:
        return None

    client = connect(with_database(settings.require_redis_url(), MARKET_DATABASE))
    # This limiter gives out no requests here, so its rules don't matter.
    rate_limiter = RedisOrderRateLimiter(client, WorkingRules)
    return partial(rate_limiter.throttled, settings.account, cancels=True)


def task_queue(settings: Settings) -> TaskQueue | None:
    """Celery's queue; None where no Redis answers, because each wake-up would wait in vain."""
    if settings.redis_url is None or not _answers(settings.require_redis_url()):
        return None
    _use_application()
    return CeleryTaskQueue()


def _use_application() -> None:
    """The application reads the running system's settings when it is imported."""
    from workers.celery.app import app

    app.set_current()


def _answers(redis_url: str) -> bool:
    client = Redis.from_url(
        redis_url, socket_timeout=_PING_SECONDS, socket_connect_timeout=_PING_SECONDS
    )
    try:
        return bool(client.ping())
    except (RedisError, OSError):
        return False
    finally:
        client.close()


def call_back_at_exchange(
    exchange: Exchange,
    *,
    everything: bool = False,
    exits: bool = False,
    too_fast: Callable[[float], None] | None = None,
    within: ScopeAtExchange | None = None,
) -> str:
    """The last resort of a halt: it cancels working orders, though Postgres can't record it.

    `within` narrows it to a scope, as far as the exchange's data can tell. Returns what came of it,
    in one line.
    """
    problems: list[str] = []
    narrow = None if within is None or within.is_whole else within
    try:
        found = call_back(
            exchange,
            everything=everything,
            exits=exits,
            problem=problems.append,
            waiting=Waiting(too_fast) if too_fast else Waiting(),
            within=None if narrow is None else narrow.pick,
        )
    except MlriskError as error:
        outcome = f"orders could not be cancelled either: {error.message}"
    else:
        of = "" if narrow is None else f" of {narrow.scope}"
        outcome = (
            f"{found.cancelled} working orders{of} cancelled at the exchange, "
            f"{len(found.left)} left"
        )
        outcome += f", {found.gone} had ended before" if found.gone else ""
    notes = [] if narrow is None else narrow.notes()
    return "; ".join([outcome, *notes, *problems])


def not_halted(why: Exception, outcome: str = "", *, journalled: bool = False) -> CommandError:
    """The error for a trading state that could not be written; `outcome` is what came of the rest.

    A journalled halt holds on this machine. An unrecorded halt without a journal is none, because
    workers that still reach Postgres may go on.
    """
    cause = getattr(why, "orig", why)
    line = str(cause).strip().splitlines()[0]
    more = f"; {outcome}" if outcome else ""
    # Postgres answers, but somebody holds the state's row. Only another try helps.
    held = isinstance(cause, LockNotAvailable | QueryCanceled)
    if held:
        what = "the state is held by another process; run it again"
    elif isinstance(cause, OperationalError | InterfaceError):
        what = "Postgres can't be reached"
    else:
        what = "Postgres can't be written"
    if not journalled:
        return CommandError(f"NOT halted: {what} ({line}){more}", ExitCode.DEPENDENCY_DOWN)
    if not held:
        what += ", and workers on other machines may go on"
    return CommandError(
        f"HALTED by this home's journal, not sealed: {what} ({line}){more}",
        ExitCode.DEPENDENCY_DOWN,
    )
