"""Reasons of a throttle, each under a name of its own."""

from bot.execution.policy.throttle_reasons import ADDING_REASONS, EXIT_REASONS


def test_every_reason_has_a_name_of_its_own() -> None:
    names = [reason.name for reason in (*ADDING_REASONS, *EXIT_REASONS)]
    assert len(set(names)) == len(names)
