"""Limits for an exit are the last known ones where no newer can be read."""

from dataclasses import dataclass, field

import pytest

from bot.errors import DependencyDown
from bot.execution.ports import DispatcherOnly, limits_for
from bot.risk.limits import RiskLimits
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import NOW


@dataclass
class Source:
    """Limits that can't be read any more."""

    error: Exception
    known: RiskLimits = field(default_factory=lambda: cases.limits(max_slices=7))

    def limits(self) -> RiskLimits:
        raise self.error

    def last_known(self) -> RiskLimits:
        return self.known


@pytest.mark.parametrize("error", [DependencyDown("gone"), OSError("gone")])
def test_what_adds_waits_and_an_exit_goes_by_the_last_known_limits(error: Exception) -> None:
    source = Source(error)
    with pytest.raises(type(error)):
        limits_for(source, reduce_only=False)
    assert limits_for(source, reduce_only=True).max_slices == 7


def test_a_defect_is_no_reason_to_go_by_old_limits() -> None:
    with pytest.raises(ZeroDivisionError):
        limits_for(Source(ZeroDivisionError()), reduce_only=True)


def test_a_queue_without_messages_takes_everything_and_sends_nothing() -> None:
    queue = DispatcherOnly()
    queue.child(1, NOW, urgent=True, reduces=True)
    queue.parent("r-1", NOW)
    queue.request("r-1")
    assert vars(queue) == {}
