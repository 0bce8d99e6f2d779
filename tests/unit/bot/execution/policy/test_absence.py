"""The last slice keeps the time that a re-send needs."""

from datetime import timedelta

import pytest

from bot.exchange.bybit.config import BybitConfig
from bot.execution.policy import absence
from bot.execution.policy.scheduling import LAST_SLICE_GRACE_SECONDS


def test_an_absence_is_proven_and_answered_before_the_last_slice_ends() -> None:
    window = BybitConfig.model_fields["recv_window_ms"].default
    needed = absence.proven_after(window) + absence.RESEND
    assert needed <= timedelta(seconds=LAST_SLICE_GRACE_SECONDS)
    absence.require_room(window)


def test_a_window_that_leaves_no_time_for_a_re_send_is_refused() -> None:
    with pytest.raises(ValueError, match="recv_window_ms of 5001 is too wide"):
        absence.require_room(5001)
