"""How many examples a property is tried on: few in `make test`, many in `make prove`.

`make prove` passes `--hypothesis-profile prove`. Both profiles measure no time, so that a busy
machine fails nothing, and both draw the same examples in every run, so that a failure comes again.
"""

from hypothesis import HealthCheck, settings

QUICK, PROVE = "test", "prove"
_SHARE = 5
"""`make test` tries one in so many of the examples that `make prove` tries."""

_ALWAYS = settings(
    deadline=None,
    derandomize=True,
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)


def register() -> None:
    """Make both profiles known and begin with that of `make test`."""
    settings.register_profile(QUICK, _ALWAYS, max_examples=20)
    settings.register_profile(PROVE, _ALWAYS, max_examples=100)
    settings.load_profile(QUICK)


def examples(proof: int) -> int:
    """Examples of a property that deserves another number: `proof` in `make prove`."""
    if settings.get_current_profile_name() == QUICK:
        return max(2, proof // _SHARE)
    return proof
