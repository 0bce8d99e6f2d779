"""The seal of a halt waits for whoever may still send."""

import threading
from contextlib import ExitStack
from datetime import timedelta

import pytest
from sqlalchemy import update

from bot.errors import OutcomeUnknown
from bot.safety.halting.halt import HaltWaits, TradingHalt
from models.enums import (
    ChildState,
)
from models.locks import sending_shared
from models.tables import ChildOrderRow
from tests.support.desk import ACCOUNT, Desk

pytestmark = pytest.mark.services


class TestSealing:
    def test_a_sender_that_holds_its_lock_for_too_long_is_ended(self, desk: Desk) -> None:
        desk.exchange.faults = [(OutcomeUnknown("read timeout"), False)]
        desk.approve()
        desk.send(desk.child().child_id)
        trading_halt = TradingHalt(desk.db, desk.clock, waits=HaltWaits(hold_limit_seconds=0))
        released = threading.Event()
        held = threading.Event()

        def hold() -> None:
            try:
                with (
                    desk.db.autocommit_connection() as connection,
                    sending_shared(connection, ACCOUNT),
                ):
                    held.set()
                    released.wait(60)
            except Exception:  # noqa: BLE001 - its session was ended: that is what is tested
                return

        thread = threading.Thread(target=hold)
        thread.start()
        assert held.wait(60)
        report = trading_halt.halt(reason="test", actor="me")
        released.set()
        thread.join(60)
        assert report.sealed_at is not None
        assert ["was ended" in problem for problem in report.problems] == [True, False]

    def test_a_claim_under_way_is_waited_for(self, desk: Desk) -> None:
        """A transaction from before the halt may commit a claim: the seal can't hold before."""
        desk.approve()
        trading_halt = TradingHalt(desk.db, desk.clock, waits=HaltWaits(seal_seconds=0))
        with desk.db.unit_of_work() as claim:
            claim.session.execute(
                update(ChildOrderRow)
                .where(ChildOrderRow.request_id == "r-1")
                .values(note="being claimed")
            )
            assert not trading_halt._sealer.wait(print, lambda: 0.0)
        assert trading_halt._sealer.wait(print, lambda: 0.0)

    def test_a_sender_that_comes_meanwhile_is_not_waited_for(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Its claim sees the halt. So exits go on, and never starve the seal."""
        later: list[ExitStack] = []

        def another(seconds: float) -> None:
            stack = ExitStack()
            connection = stack.enter_context(desk.db.autocommit_connection())
            stack.enter_context(sending_shared(connection, ACCOUNT))
            later.append(stack)
            first.close()

        first = ExitStack()
        connection = first.enter_context(desk.db.autocommit_connection())
        first.enter_context(sending_shared(connection, ACCOUNT))
        monkeypatch.setattr("bot.safety.halting.sealing.time.sleep", another)
        assert desk.trading_halt._sealer.wait(print, lambda: 60.0)
        assert len(later) == 1
        later[0].close()

    @pytest.mark.parametrize("state_of_child", [ChildState.SENDING, ChildState.UNKNOWN])
    def test_what_may_still_be_accepted_moves_the_seal(
        self, desk: Desk, state_of_child: ChildState
    ) -> None:
        desk.exchange.faults = [(OutcomeUnknown("read timeout"), False)]
        desk.approve()
        desk.send(desk.child().child_id)
        with desk.db.transaction() as session:
            session.execute(update(ChildOrderRow).values(state=state_of_child))
        sent_at = desk.child().sent_at
        assert sent_at is not None
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=1))
        report = desk.trading_halt.halt(reason="test", actor="me")
        window = timedelta(milliseconds=desk.exchange.adding_window_ms)
        # The clock of the exchange may be behind ours, and then it accepts for so much longer.
        behind = timedelta(milliseconds=desk.exchange.max_clock_offset_ms)
        assert behind > timedelta(0)
        assert report.sealed_at == sent_at + window + behind
        assert any(desk.child().order_link_id in problem for problem in report.problems)

    def test_an_old_unknown_order_doesnt_move_it(self, desk: Desk) -> None:
        desk.exchange.faults = [(OutcomeUnknown("read timeout"), False)]
        desk.approve()
        desk.send(desk.child().child_id)
        desk.clock.move_to(desk.clock.now() + timedelta(seconds=9))
        report = desk.trading_halt.halt(reason="test", actor="me")
        assert report.sealed_at == desk.clock.now()
