"""The acts in the browser: the red button, the way back with its proof, and breakers' resets."""

import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select

from bot.authority.override_codes import OverrideCodes, Use
from bot.authority.verifying import acts, problems
from bot.clock import SystemClock
from bot.safety.halting.halt import TradingHalt
from bot.state.breakers import BreakerScope
from config.settings import Environment
from console.web.desk import Desk
from models.database import Database
from models.enums import OverrideAction, ScopeKind, TradeSide, TradingState
from models.tables import BreakerRow, TradingStateRow
from tests.support.lost_postgres import lost_postgres
from tests.support.operators import Person, add_person
from tests.support.scene import ACCOUNT, Scene
from tests.support.trading_halts import bind, state_and_seal
from tests.support.waiting import PATIENCE_SECONDS, eventually
from tests.support.web import Browser, Entered, TestClient
from tests.unit.bot.safety.halting.test_direct_flattening import Paper

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def value_of(name: str, page: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


def proof(browser: Browser, person: Person, page: str = "/recover", **more: str) -> dict[str, str]:
    text = browser.get(page).text
    return {
        "csrf": value_of("csrf", text),
        "seen": value_of("seen", text),
        "reason": "looked at it",
        "passphrase": person.passphrase,
        "code": person.fresh_code(),
        **more,
    }


def test_the_button_tells_what_will_happen_halts_and_shows_the_proof(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    scene.decide("r-1", signal={"algorithm": "twap", "horizon_seconds": 60})
    browser = entered(ann)
    csrf = browser.csrf("/halt")
    told = browser.post("/halt/look", csrf=csrf, reason="drill")
    assert "1 orders under way that add risk end" in told.text
    assert state_and_seal(scene)[0] == TradingState.ACTIVE
    epoch = value_of("epoch", told.text)
    asked = browser.post("/halt", csrf=csrf, reason="drill", epoch=epoch)
    assert asked.status_code == 303
    place = asked.headers["location"]
    eventually(lambda: state_and_seal(scene)[0] == TradingState.HALTED, "the state")
    eventually(lambda: "refresh" not in browser.get(place).headers, "the halt's end")
    page = browser.get(place).text
    assert "<strong>sealed</strong>" in page and "HALTED and proven" in page
    with scene.db.reading() as session:
        assert problems(session) == []
        assert {"halted", "halt_report"} <= {act.kind for act in acts(session)}
    again = browser.post("/halt", csrf=csrf, reason="again", epoch=epoch)
    place = again.headers["location"]
    eventually(lambda: "refresh" not in browser.get(place).headers, "the second halt's end")
    page = browser.get(place).text
    assert "changed since you looked" in page and "it was halted already" in page


@pytest.fixture(params=["away", "hangs"])
def lost_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """A Postgres that refuses connections, and one that takes them and never answers."""
    with lost_postgres(hangs=request.param == "hangs") as url:
        yield url


def test_without_postgres_the_page_comes_while_positions_are_closed(
    entered: Entered,
    ann: Person,
    console: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    lost_url: str,
) -> None:
    """Seen: the request itself closed the positions, which takes up to a minute."""
    browser, may_close = entered(ann), threading.Event()
    csrf = browser.csrf("/halt")
    paper = Paper()
    paper.venue.recv_window_ms = 100
    paper.enter(TradeSide.BUY)
    positions = paper.venue.positions

    def waits() -> Any:
        assert may_close.wait(PATIENCE_SECONDS)
        return positions()

    monkeypatch.setattr(paper.venue, "positions", waits)
    monkeypatch.setattr("bot.exchange.factory.make_exchange", lambda *_: paper.venue)
    monkeypatch.setattr("models.connecting.CONNECT_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr("console.web.desk.STILL_SECONDS", 0.5)
    desk: Desk = console.app.state.desk  # type: ignore[attr-defined]
    away = Database(lost_url)
    lost = desk.acting_settings.model_copy(update={"database_url": SecretStr(lost_url)})
    monkeypatch.setitem(desk.__dict__, "acting_settings", lost)
    monkeypatch.setitem(desk.__dict__, "db", away)
    monkeypatch.setitem(desk.__dict__, "look", away.engine)
    try:
        asked = browser.post("/halt", csrf=csrf, reason="drill", flatten=True)
        assert asked.status_code == 303
        place = asked.headers["location"]
        eventually(lambda: "Postgres can" in browser.get(place).text, "what is known at once")
        under_way = browser.get(place)
        assert "closing positions at the exchange" in under_way.text
        assert "refresh" in under_way.headers
    finally:
        may_close.set()
    eventually(lambda: "refresh" not in browser.get(place).headers, "the halt's end")
    page = browser.get(place).text
    assert "HALTED by this home&#39;s journal, and not proven" in page
    assert "FLAT: the exchange reports no position; 1 closing orders sent" in page
    away.dispose()


@pytest.mark.parametrize("lost_url", ["hangs"], indirect=True)
def test_pages_say_that_postgres_hangs_and_the_red_button_is_there_all_the_same(
    entered: Entered,
    ann: Person,
    console: TestClient,
    monkeypatch: pytest.MonkeyPatch,
    lost_url: str,
) -> None:
    """Seen: a page waited for a frozen Postgres as long as it was frozen, the button's as well."""
    browser = entered(ann)
    csrf = browser.csrf("/halt")
    monkeypatch.setattr("models.connecting.CONNECT_TIMEOUT_SECONDS", 2)
    monkeypatch.setattr("console.web.desk.STILL_SECONDS", 0.1)
    monkeypatch.setattr("console.web.acts.LOOK_SECONDS", 0.1)
    monkeypatch.setattr("console.web.patience.FIRST_SECONDS", 0.1)
    monkeypatch.setattr("console.web.patience.ANSWER_SECONDS", 0.1)
    desk: Desk = console.app.state.desk  # type: ignore[attr-defined]
    away = Database(lost_url)
    lost = desk.settings.model_copy(update={"database_url": SecretStr(lost_url)})
    monkeypatch.setattr(desk, "settings", lost)
    monkeypatch.setitem(desk.__dict__, "db", away)
    monkeypatch.setitem(desk.__dict__, "look", away.engine)
    for path in ("/requests/r-1", "/alerts/1", "/recover"):
        told = browser.get(path)
        assert (told.status_code, "does not answer" in told.text) == (503, True), path
        assert "halts trading works all the same" in told.text
    act = browser.post("/alerts/1/acknowledge", csrf=csrf, reason="seen")
    assert (act.status_code, "look at the audit" in act.text) == (503, True)
    assert browser.get("/halt").status_code == 200
    look = browser.post("/halt/look", csrf=csrf, reason="drill")
    assert "Postgres does not answer. The halt works all the same" in look.text
    assert "HALT global" in look.text and browser.get("/healthz").text == "alive\n"
    eventually(lambda: not console.app.state.patience._at_work, "the end of what was left")
    away.dispose()


@pytest.mark.parametrize("wrong", ["scope=nonsense", "scope=strategy:x&flatten=true", "reason="])
def test_a_halt_that_can_not_be_is_refused_in_words(
    entered: Entered, ann: Person, scene: Scene, wrong: str
) -> None:
    browser = entered(ann)
    form = {"csrf": browser.csrf("/halt"), "reason": "drill"}
    form |= dict(part.split("=") for part in wrong.split("&"))
    assert browser.post("/halt", **form).status_code in (409, 422)
    assert state_and_seal(scene)[0] == TradingState.ACTIVE


def test_a_recovery_in_production_takes_code_totp_and_a_second_person(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    bind(scene, Environment.PRODUCTION)
    clock = SystemClock()
    TradingHalt(scene.db, clock).halt(reason="drill", actor="test")
    bob = add_person(scene.db, clock, "bob", by=ann.login())

    def code(person: Person, action: OverrideAction) -> str:
        use = Use(action, "global:*")
        return OverrideCodes(scene.db, clock).create(use, person.login(), reason="test").code

    browser, other = entered(ann), entered(bob)
    good = code(ann, OverrideAction.RECOVER)
    for bad in ({"passphrase": "no"}, {"code": "000000"}, {"override": "000000-AAAAA"}):
        refused = browser.post("/recover", **{**proof(browser, ann, override=good), **bad})
        assert refused.status_code == 403, bad
    assert browser.post("/recover", **proof(browser, ann, override=good)).status_code == 303
    assert state_and_seal(scene)[0] == TradingState.HALTED
    page = other.get("/recover").text
    assert "waits for a second risk officer" in page
    number = re.search(r"/recover/(\d+)/confirm", page)
    assert number
    said = proof(other, bob, override=code(bob, OverrideAction.CONFIRM))
    assert other.post(f"/recover/{number[1]}/confirm", **said).status_code == 303
    assert state_and_seal(scene)[0] == TradingState.RECOVERING
    with scene.db.reading() as session:
        assert problems(session) == []


def test_what_changed_since_the_look_is_told_and_nothing_is_done(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    halt = TradingHalt(scene.db, SystemClock())
    halt.halt(reason="drill", actor="test")
    browser = entered(ann)
    old = proof(browser, ann)
    halt.resume(reason="over", actor="test", development=True)
    halt.halt(reason="a second cause", actor="test")
    refused = browser.post("/recover", **{**old, "code": ann.fresh_code()})
    assert (refused.status_code, "changed since you looked" in refused.text) == (409, True)
    assert state_and_seal(scene)[0] == TradingState.HALTED
    assert browser.post("/recover", **proof(browser, ann)).status_code == 303
    assert state_and_seal(scene)[0] == TradingState.RECOVERING


def test_a_breaker_is_reset_with_totp_by_what_the_person_has_seen(
    entered: Entered, ann: Person, scene: Scene, console: TestClient
) -> None:
    now = SystemClock().now()
    with scene.db.transaction() as session:
        scope = BreakerScope(ScopeKind.ACCOUNT, ACCOUNT)
        session.add(
            BreakerRow(
                scope_kind=scope.kind,
                scope_key=scope.key,
                kind="volatility_spike",
                tripped=True,
                value="9",
                limit="3",
                reason="drill",
                changed_at=now,
                count=1,
            )
        )
    browser = entered(ann)
    page = browser.get("/recover").text
    assert "Breaker volatility spike" in page
    form = proof(browser, ann, kind="volatility_spike", scope=f"account:{ACCOUNT}")
    assert browser.post("/breakers/reset", **{**form, "seen": "0"}).status_code == 409
    refused = browser.post("/breakers/reset", **{**form, "code": "000000"})
    assert refused.status_code == 403
    done = browser.post("/breakers/reset", **{**form, "code": ann.fresh_code()})
    assert done.status_code == 303, done.text
    with scene.db.reading() as session:
        assert session.scalars(select(BreakerRow.tripped)).all() == [False]
        assert session.scalars(select(TradingStateRow)).all()
