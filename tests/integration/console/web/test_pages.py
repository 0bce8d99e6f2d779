"""The pages that show: everything is there without scripts, and no text of others acts."""

import json

import pytest
from sqlalchemy import update

from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from console.web.render import PANELS
from models.tables import TradeRequestRow
from tests.support.operators import Person
from tests.support.scene import Scene
from tests.support.waiting import eventually
from tests.support.web import Entered, TestClient

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]
HOSTILE = "<script>alert(1)</script>\u202e\x1b[2J"


def test_the_first_page_has_every_panel_with_source_and_age(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    scene.trade("r-1")
    denied = scene.decide("r-2", predictions={"confidence": 0.1})
    assert denied["verdict"] == "deny"
    browser = entered(ann)
    page = browser.get("/").text
    for panel in PANELS:
        assert f'data-panel="{panel.name}"' in page
        assert panel.source in page
    assert page.count(" UTC, ") == len(PANELS)
    assert "PAPER: no real money" in page
    assert "insufficient confidence" in page
    assert 'href="/requests/r-1"' in page
    assert "NO STOP at the exchange" in page
    assert "style=" not in page and "<script>" not in page
    # The worth of blocks comes from a thread of its own.
    eventually(lambda: "No block has been judged" in browser.get("/").text, "the worth of blocks")


def test_a_request_is_followed_from_decision_to_fill(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    child = scene.trade("r-1")
    browser = entered(ann)
    page = browser.get("/requests/r-1").text
    for part in ("ALLOW", "spread", child.order_link_id, "planned against done", "fee"):
        assert part in page, part
    assert browser.get("/requests/unknown").status_code == 404


def test_no_text_of_others_acts(entered: Entered, ann: Person, scene: Scene) -> None:
    scene.trade("r-1")
    with scene.db.transaction() as session:
        session.execute(update(TradeRequestRow).values(strategy=HOSTILE.replace("\x1b", "")))
    TradingHalt(scene.db, SystemClock()).halt(reason=HOSTILE, actor=HOSTILE)
    browser = entered(ann)
    for path in ("/", "/requests/r-1", "/recover"):
        page = browser.get(path).text
        assert "<script>alert" not in page, path
        assert "\u202e" not in page and "\x1b" not in page, path
        assert "&lt;script&gt;" in page, path


def test_while_postgres_is_away_the_page_says_so(
    entered: Entered, ann: Person, console: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser = entered(ann)
    desk = console.app.state.desk  # type: ignore[attr-defined]
    before = desk.watch._read

    def away():  # type: ignore[no-untyped-def]
        facts = before()
        import dataclasses

        view = dataclasses.replace(facts.view, live=None, problem="Postgres can't be reached")
        return dataclasses.replace(facts, view=view)

    monkeypatch.setattr(desk.watch, "_read", away)
    page = browser.get("/").text
    assert "UNKNOWN: Postgres can&#39;t be reached" in page


def test_a_frame_carries_what_a_page_has_not_seen(
    entered: Entered, ann: Person, console: TestClient, scene: Scene
) -> None:
    entered(ann).get("/")
    desk = console.app.state.desk  # type: ignore[attr-defined]
    frame = desk.watch._frame
    assert json.loads(frame.event(-1))["panels"].keys() == {panel.name for panel in PANELS}
    assert json.loads(frame.event(frame.number))["panels"] == {}
