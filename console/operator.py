"""What an operator's commands need of Celery, and what they do when it is away."""

from collections.abc import Callable

from config.settings import Settings


def revoker(settings: Settings) -> Callable[[], int] | None:
    """Takes queued send tasks away; None where no broker is configured.

    An OSError means that the broker can't be reached: the halt holds without it.
    """
    if settings.redis_url is None:
        return None

    def revoke() -> int:
        from bot.errors import DependencyDown
        from tasks.wakeups import revoke_queued
        from workers.app import app

        app.set_current()
        try:
            return revoke_queued()
        except DependencyDown as error:
            raise OSError(error.message) from error

    return revoke
