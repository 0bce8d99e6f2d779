"""The price of guessing an override code."""

from datetime import timedelta

from argon2.profiles import RFC_9106_LOW_MEMORY

from bot.authority import vault
from bot.authority.login import LONGEST_LOCK, locked_until
from tests.support.fakes import T0


def test_a_million_guesses_take_millennia_of_locks_and_the_code_has_a_hundred_bits() -> None:
    """The lock alone is counted; each guess also costs a derivation of 64 MiB."""
    waited = timedelta(0)
    for failed in range(1, 1_000_001):
        until = locked_until(failed, T0)
        waited += timedelta(0) if until is None else until - T0
    assert waited > (1_000_000 - 20) * LONGEST_LOCK
    assert 32 ** len("AAAAA" * 4) == 2**100
    assert vault.KDFS[vault.KDF] == RFC_9106_LOW_MEMORY
    cost = vault.KDFS[vault.KDF]
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (65_536, 3, 4)
