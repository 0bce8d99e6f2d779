"""What is wrong with a system's money and limits is named."""

import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from models.tables import EquityDayRow, EquityRow
from tests.integration.console.runtime.vitals.ward import (
    LONG_AGO,
    Spoil,
    Ward,
    drop,
    named_after,
    void,
)

pytestmark = pytest.mark.services


def ineffective(_: Session, ward: Ward) -> None:
    ward.ineffective = ("max_spread lets its own breach pass",)


def unusable(_: Session, ward: Ward) -> None:
    ward.unusable = "version 3 of the limits was changed without mlrisk"


BAD_STATES: dict[str, tuple[Spoil, str, str]] = {
    "limits without effect": (ineffective, "limits", "max_spread"),
    "limits that the audit contradicts": (unusable, "limits", "without mlrisk; until then nothing"),
    "equity never read": (drop(EquityRow), "equity", "never read"),
    "cash flows away": (
        lambda session, ward: void(
            session.execute(
                update(EquityDayRow).values(flows_read_at=ward.desk.clock.now() - LONG_AGO)
            )
        ),
        "cash flows",
        "not read",
    ),
}


@pytest.mark.parametrize("kind", BAD_STATES)
def test_each_bad_state_is_named(ward: Ward, kind: str) -> None:
    spoil, name, words = BAD_STATES[kind]
    assert words in named_after(ward, spoil, name)


def test_limits_that_the_audit_contradicts_are_told_by_their_cause_first(ward: Ward) -> None:
    """Seen: `without effect: version 3 …`, as if each limit had let its own breach pass."""
    ward.unusable = "version 3 of the limits was changed without mlrisk"
    (told,) = (vital.problem for vital in ward.check() if vital.name == "limits")
    assert told is not None
    assert told.startswith("version 3 of the limits was changed without mlrisk")
    assert "without effect" not in told
