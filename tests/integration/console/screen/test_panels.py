"""What stands out in the panels of the screen."""

import re
from dataclasses import replace

import pytest

from bot.execution.orders.control import ParentControl
from console.screen.lines import line
from console.screen.panels import STALE_SECONDS
from console.views.live.moment import HeartbeatLine
from models.tables import BreakerRow
from tests.integration.console.screen.pictures import NOW, drawn, view_of
from tests.support.scene import ACCOUNT, Scene


@pytest.mark.services
def test_a_resting_order_is_shown_at_its_price_and_its_parent_with_what_holds_it(
    traded: Scene,
) -> None:
    traded.decide("r-4", signal={"algorithm": "passive", "horizon_seconds": 60})
    child = traded.rest("r-4")
    traded.accept(child)
    text = "\n".join(drawn(view_of(traded), 160, 40))
    assert re.search(r"r-4 .*0\.05 +rests +29999\.9", text)
    assert "passive, 0% filled" in text
    control = ParentControl(traded.db, traded.clock)
    control.pause("r-4", reason="drill", actor="tester")
    assert "paused by the operator; passive" in "\n".join(drawn(view_of(traded), 160, 40))
    control.cancel("r-4", reason="drill", actor="tester")
    text = "\n".join(drawn(view_of(traded), 160, 40))
    assert re.search(r"r-4 .*0\.05 +recalled +29999\.9", text)
    assert "ending: cancelled by" in text


@pytest.mark.services
def test_a_tripped_breaker_and_an_unwell_process_stand_out(traded: Scene) -> None:
    with traded.db.transaction() as session:
        session.add(
            BreakerRow(
                scope_kind="account",
                scope_key=ACCOUNT,
                kind="daily_loss_limit",
                tripped=True,
                value="0.04",
                limit="0.03",
                reason="lost",
                changed_at=NOW,
            )
        )
    view = view_of(traded)
    down = replace(view.processes[-1], state="BACKOFF", restarts=3)
    view = replace(view, processes=(*view.processes[:-1], down))
    text = "\n".join(drawn(view, 120, 40))
    assert "daily_loss_limit" in text
    assert "TRIPPED" in text
    assert "backoff" in text
    assert "12 of 13 run" in text
    assert "breakers=daily_loss_limit" in line(view)
    assert "not_running=demo-strategy" in line(view)


@pytest.mark.services
def test_a_silent_worker_s_heartbeat_is_shown_by_its_age(traded: Scene) -> None:
    view = view_of(traded)
    assert view.live is not None
    beat = HeartbeatLine("queue:execution", 7, STALE_SECONDS + 5, {})
    view = replace(view, live=replace(view.live, heartbeats=(beat,)))
    row = next(drawn for drawn in drawn(view, 120, 40) if "40 s" in drawn)
    assert "execution " in row
