"""Runs one step of a halt in a thread beside the others, so that a hanging call delays it by
nothing."""

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

T = TypeVar("T")


class Beside(Generic[T]):
    """Runs a step beside its block. The step must catch its own errors.

    The step gets a function that tells whether the block still goes on. While it does, waiting
    costs nobody anything. A thread that hangs keeps no process from ending.
    """

    def __init__(self, step: Callable[[Callable[[], bool]], T]) -> None:
        self._step = step
        self._over = threading.Event()
        self._found: list[T] = []
        self._thread = threading.Thread(target=self._run, name="beside", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()

    def result(self) -> T:
        """Waits for the step's end, and returns what it has found."""
        self._thread.join()
        (found,) = self._found
        return found

    def _run(self) -> None:
        self._found.append(self._step(lambda: not self._over.is_set()))
