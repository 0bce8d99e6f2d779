"""A question with a bounded wait: a Postgres that hangs must not hold a halt up."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, ask: Callable[[], T], otherwise: T) -> T:
    """The answer, and `otherwise` when it takes longer; then nobody waits for it any more. Raises
    the errors of `ask`."""
    told: Future[T] = Future()

    def run() -> None:
        try:
            told.set_result(ask())
        except Exception as error:  # noqa: BLE001 - raised where the answer is waited for
            told.set_exception(error)

    threading.Thread(target=run, name="web-question", daemon=True).start()
    try:
        return told.result(seconds)
    except TimeoutError:
        if told.done():
            raise
        return otherwise
