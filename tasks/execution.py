"""The execution queue: child orders go out, one POST each."""

from celery import shared_task

from bot.execution.sending.sender import SendResult
from tasks.base import MlriskTask
from tasks.bootstrap import services

EXPIRED = "expired"


@shared_task(bind=True, base=MlriskTask, name="tasks.execution.send_child")
def send_child(self: MlriskTask, child_id: int) -> str:
    """Sends a due child. A child that was claimed before is looked up and never posted again."""
    if self.has_expired:
        return EXPIRED
    context = services()
    result = context.sender.send(child_id, context.settings.account)
    if result in (SendResult.ALREADY_TAKEN, SendResult.UNKNOWN):
        context.reconciler.resolve_child(child_id)
    return result.value


@shared_task(bind=True, base=MlriskTask, name="tasks.execution.step_parent")
def step_parent(self: MlriskTask, request_id: str) -> str:
    """Takes the next step of an event-driven parent: new children, cancels, or its end."""
    if self.has_expired:
        return EXPIRED
    return services().parent_worker.step(request_id, redelivered=self.was_redelivered).value
