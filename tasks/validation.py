"""The validation queue: a strategy's requests are decided and planned."""

from typing import Any

from celery import shared_task
from celery.app.task import Context
from redis.exceptions import RedisError
from sqlalchemy.exc import InterfaceError, OperationalError

from bot.decision import authentication, signing
from bot.decision.parking import MAX_DEATHS, Killed
from bot.state.binding import NotBoundYet
from models import strict_json
from tasks.base import MlriskTask
from tasks.bootstrap import services
from tasks.deaths import Deaths

LONGEST_WAIT_SECONDS = 5
REFUSE_UNREADABLE = "tasks.validation.refuse_unreadable"
VALIDATE_STORED = "tasks.validation.validate_stored"
SET_ASIDE = "tasks.validation.set_aside"


@shared_task(
    base=MlriskTask,
    name=authentication.TASK,
    bind=True,
    ignore_result=False,
    # Without Postgres, or before the database is bound, the request exists only in this message.
    # The task is retried until the request is a row. If the request has expired by then, that is
    # the answer.
    autoretry_for=(OperationalError, InterfaceError, NotBoundYet),
    max_retries=None,
    retry_backoff=1,
    retry_backoff_max=LONGEST_WAIT_SECONDS,
    # The message also survives a worker that is killed at the hard time limit.
    acks_on_failure_or_timeout=False,
)
def validate_and_execute(self: MlriskTask, *request: Any, **named: Any) -> dict[str, Any]:
    """Decides a strategy's request and starts its execution; idempotent by request_id.

    The task takes one argument, `request`. A call with other arguments gets an answer that names
    the wrong fields. With message keys on, a header proves the strategy.
    """
    return services().decisions.validate_and_execute(
        _the_request(request, named), proof_of(self.request), redelivered=self.was_redelivered
    )


def proof_of(context: Context) -> object:
    """The header with the message's signature, as it was sent."""
    headers = context.headers
    return headers.get(signing.HEADER) if isinstance(headers, dict) else None


def _the_request(given: tuple[Any, ...], named: dict[str, Any]) -> Any:
    if len(given) == 1 and not named:
        return given[0]
    if not given and named.keys() == {"request"}:
        return named["request"]
    return {"arguments": list(given), **named}


@shared_task(base=MlriskTask, name=REFUSE_UNREADABLE, ignore_result=False)
def refuse_unreadable(text: str, problem: str) -> dict[str, Any]:
    """Answers and records a message that no worker could read as a task."""
    return services().approval.refuse_unreadable(text, problem)


@shared_task(base=MlriskTask, name=VALIDATE_STORED)
def validate_stored(request_id: str) -> None:
    """Decides a stored request."""
    services().approval.validate_stored(request_id)


@shared_task(
    base=MlriskTask,
    name=SET_ASIDE,
    bind=True,
    ignore_result=False,
    autoretry_for=(OperationalError, InterfaceError, RedisError, NotBoundYet),
    max_retries=None,
    retry_backoff=1,
    retry_backoff_max=LONGEST_WAIT_SECONDS,
    acks_on_failure_or_timeout=False,
)
def set_aside(self: MlriskTask, task: str, body: str, proof: Any, cause: str) -> Any:
    """Parks and answers a message that has killed its processes.

    A strategy may call this task too. A message with fewer than two counted deaths is decided as if
    it came by its own task.
    """
    try:
        given, named, _ = strict_json.loads(body)
        request = _the_request(tuple(given), dict(named))
    except (TypeError, ValueError):
        return services().approval.refuse_unreadable(str(body), "this message can't be set aside")
    deaths = Deaths(self.app)
    count = deaths.of(task, body)
    killed = None if count < MAX_DEATHS else Killed(count, cause)
    if task == VALIDATE_STORED:
        answer = services().approval.validate_stored(str(request), killed=killed)
    else:
        answer = services().decisions.validate_and_execute(
            request, proof, redelivered=True, killed=killed
        )
    deaths.forget(task, body)
    return answer
