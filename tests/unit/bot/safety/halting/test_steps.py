"""A step of a halt that fails is told, and the next ones go on."""

from bot.safety.halting.steps import Steps


def fails() -> int:
    raise OSError("no route to host\nand a second line")


def test_a_failed_step_gives_its_default_and_one_line() -> None:
    steps = Steps()
    assert steps.run(fails, 7, "orders may remain") == 7
    assert steps.run(lambda: 3, 0, "never told") == 3
    assert steps.problems == ["orders may remain (OSError: no route to host)"]


def test_the_same_failure_is_told_once() -> None:
    steps = Steps()
    for _ in range(2):
        steps.run(fails, None, "orders may remain")
    steps.run(fails, None, "tasks may remain")
    assert len(steps.problems) == 2


def test_an_error_of_the_database_is_told_in_its_own_words() -> None:
    class Wrapped(Exception):
        orig = ValueError("lock timeout")

    def wrapped() -> None:
        raise Wrapped("a long statement with parameters")

    steps = Steps()
    steps.run(wrapped, None, "not every parent was ended")
    assert steps.problems == ["not every parent was ended (Wrapped: lock timeout)"]
