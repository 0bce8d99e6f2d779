"""The exit status of `mlrisk doctor`."""

import pytest

from config.settings import Settings
from console.commands.system.doctor import exit_status
from console.errors import ExitCode
from console.invariants import InvariantResult
from console.runtime.health import HealthCheck

WELL = HealthCheck("redis", ok=True, detail="answers")
DOWN = HealthCheck("redis", ok=False, detail="is away", down=True)
BAD = HealthCheck("breaker", ok=False, detail="tripped", down=False)
HOLDS = InvariantResult("I1", "no order without a decision", (), checked=True)
BROKEN = InvariantResult("I1", "no order without a decision", ("order x",), checked=True)
UNCHECKED = InvariantResult("I1", "no order without a decision", (), checked=False)


@pytest.mark.parametrize(
    ("health", "result", "status"),
    [
        (WELL, HOLDS, 0),
        (WELL, BROKEN, ExitCode.FAILED),
        (DOWN, BROKEN, ExitCode.FAILED),
        (BAD, HOLDS, ExitCode.FAILED),
        (DOWN, HOLDS, ExitCode.DEPENDENCY_DOWN),
        (WELL, UNCHECKED, ExitCode.DEPENDENCY_DOWN),
        (BAD, UNCHECKED, ExitCode.FAILED),
    ],
)
def test_what_is_broken_outweighs_what_is_silent_or_unchecked(
    health: HealthCheck, result: InvariantResult, status: int
) -> None:
    """Seen in a container without the journal: exit status 0, with I1 and I4 unchecked."""
    assert exit_status([WELL, health], [HOLDS, result], Settings()) == status


def test_an_exchange_without_a_journal_is_no_fault_elsewhere() -> None:
    testnet = Settings(
        exchange_mode="testnet",  # type: ignore[arg-type]
        account="main",
        api_key="own",  # type: ignore[arg-type]
        api_secret="own",  # type: ignore[arg-type]
    )
    assert exit_status([WELL], [UNCHECKED], testnet) == 0
