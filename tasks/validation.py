"""The validation queue: a strategy's requests are decided and planned."""

from typing import Any

from celery import shared_task

from tasks.base import MlriskTask
from tasks.context import services


@shared_task(base=MlriskTask, name="tasks.validation.validate_and_execute", ignore_result=False)
def validate_and_execute(request: dict[str, Any]) -> dict[str, Any]:
    """A strategy's door: decides the request and starts its execution; idempotent by request_id."""
    return services().approval.validate_and_execute(request)


@shared_task(base=MlriskTask, name="tasks.validation.validate_stored")
def validate_stored(request_id: str) -> None:
    """Decides a request whose row was written before this wake-up."""
    services().approval.validate_stored(request_id)
