"""Runs the steps of a halt: an error of one is a line of the report, and stops no other."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

log = logging.getLogger(__name__)

T = TypeVar("T")


@dataclass(slots=True)
class Steps:
    """Runs the steps after the state row; an error of one is a line of the report and stops no
    other."""

    problems: list[str] = field(default_factory=list)

    def run(self, step: Callable[[], T], otherwise: T, told: str) -> T:
        """The step's result; `otherwise` after an error, which is told with `told` before it."""
        try:
            return step()
        except Exception as error:  # the other steps matter more than the cause
            log.info(
                "a step of the halt failed: %s",
                told,
                exc_info=True,
                extra={"event": "a_step_of_the_halt_failed"},
            )
            line = str(getattr(error, "orig", error)).strip().splitlines() or [""]
            problem = f"{told} ({type(error).__name__}: {line[0]})"
            if problem not in self.problems:
                self.problems.append(problem)
            return otherwise
