"""Pages are drawn from facts: the state in one line, ages in words, and text of others as data."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from config.settings import Settings
from console.screen.view import ScreenView
from console.views.live.moment import Live, Money, StateLine
from console.web import render
from console.web.facts import Facts
from models.enums import TradingState

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
SETTINGS = Settings(home=Path("/home"), exchange_url="http://127.0.0.1:1")


def facts(state: TradingState = TradingState.ACTIVE, **changes: object) -> Facts:
    line = StateLine("global *", state, "<b>drill</b>\u202e", "ann", NOW, sealed=False)
    live = Live(
        at=NOW,
        account="paper",
        states=(line,),
        money=Money(Decimal(100), Decimal(90), Decimal(0), Decimal(100), Decimal(110), 1.0),
        requests=(),
        request_counts={},
        verdict_counts={},
        children_due=(),
        children_done=(),
        child_counts={},
        lateness_ms=None,
        fills=(),
        fill_count=0,
        positions=(),
        breakers=(),
        heartbeats=(),
    )
    view = ScreenView("/home", NOW, replace(live, **changes))  # type: ignore[arg-type]
    return Facts(NOW + timedelta(seconds=3), SETTINGS, view, None, None)


@pytest.mark.parametrize(
    ("found", "line", "mood"),
    [
        (facts(), "ACTIVE; the lease to trade stands", "well"),
        (facts(lease_problem="late"), "no lease to trade stands", "near"),
        (facts(TradingState.RECOVERING), "RECOVERING", "near"),
        (facts(TradingState.HALTED), "not sealed yet", "full"),
        (facts(states=()), "NO STATE", "full"),
        (replace(facts(), view=ScreenView("/home", NOW, None, problem="away")), "away", "full"),
    ],
)
def test_the_state_is_one_line_with_a_mood(found: Facts, line: str, mood: str) -> None:
    assert line in render.state_line(found)
    assert render.mood_of(found) == mood


def test_every_panel_is_drawn_without_any_facts_but_the_rows() -> None:
    panels = render.panels_of(facts())
    assert panels.keys() == {panel.name for panel in render.PANELS}
    assert set(render.ages_of(facts()).values()) == {"not read yet"}


def test_text_of_others_is_escaped_and_its_controls_are_shown() -> None:
    drawn = render.panels_of(facts())["state"]
    assert "&lt;b&gt;drill&lt;/b&gt;\\u202e" in drawn
    assert "<b>" not in drawn
