"""The door of the browser console: logins, links, roles, and where forms come from."""

import pytest

from bot.clock import SystemClock
from config.settings import Environment
from console.runtime import web_link
from models.enums import OperatorRole
from tests.support.operators import Person, add_person
from tests.support.scene import Scene
from tests.support.trading_halts import bind
from tests.support.web import ADDRESS, Browser, Entered, TestClient
from workers.home import Home

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_a_login_takes_all_three_parts_and_gives_a_new_token(browser: Browser, ann: Person) -> None:
    assert browser.get("/").headers["location"] == "/login"
    before = browser.csrf("/login"), browser.door
    for wrong in ({"passphrase": "no"}, {"code": "000000"}):
        refused = browser.login(ann, **wrong)
        assert (refused.status_code, "login refused" in refused.text) == (401, True)
    answer = browser.login(ann)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie
    assert browser.token not in (None, before[1]) and browser.csrf("/") != before[0]
    assert browser.get("/").status_code == 200
    # A link from elsewhere comes without the cookie, and puts nobody out.
    assert browser.get("/login").status_code == 200
    assert browser.get("/").status_code == 200
    assert browser.post("/logout", csrf=browser.csrf("/")).status_code == 303
    assert browser.get("/").headers["location"] == "/login"


def test_no_form_of_another_site_and_no_form_without_its_token_counts(
    entered: Entered, ann: Person
) -> None:
    browser = entered(ann)
    csrf = browser.csrf("/halt")
    for origin in ("http://evil.example", "null", "http://127.0.0.1:1", None):
        assert browser.post("/halt", origin=origin, csrf=csrf, reason="x").status_code == 403
    for token in ("x", "ä"):
        assert browser.post("/halt", csrf=token, reason="x").status_code == 403
    assert browser.get("/", host="evil.example").status_code == 421
    read = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "no-cors"}
    assert browser.get("/", **read).status_code == 403


def test_a_link_lets_the_user_of_this_machine_in_once_and_in_development_alone(
    console: TestClient, scene: Scene
) -> None:
    secret = Home(console.app.state.desk.settings.home).secret(web_link.KEY)  # type: ignore[attr-defined]
    token = web_link.draw(secret, SystemClock().now())
    browser = Browser(console)
    csrf = browser.csrf(f"/enter?token={token}")
    assert browser.post("/enter", csrf=csrf, token=token + "0").status_code == 401
    assert browser.post("/enter", csrf=csrf, token=token).status_code == 303
    assert "risk officer" in browser.get("/").text
    again = Browser(console)
    assert again.post("/enter", csrf=again.csrf("/login"), token=token).status_code == 401
    bind(scene, Environment.PRODUCTION)
    fresh = web_link.draw(secret, SystemClock().now())
    refused = again.post("/enter", csrf=again.csrf("/login"), token=fresh)
    assert (refused.status_code, "links are for development" in refused.text) == (403, True)


def test_a_viewer_looks_and_an_operator_halts_and_neither_loosens(
    entered: Entered, ann: Person, scene: Scene
) -> None:
    clock = SystemClock()
    for role, halts in ((OperatorRole.VIEWER, 403), (OperatorRole.OPERATOR, 200)):
        person = add_person(scene.db, clock, f"the-{role}".replace("_", "-"), role, ann.login())
        browser = entered(person)
        csrf = browser.csrf("/")
        assert browser.get("/halt").status_code == halts
        look = browser.post("/halt/look", csrf=csrf, reason="x")
        assert look.status_code == halts
        assert browser.get("/recover").status_code == 403
        for path in ("/recover", "/recover/1/confirm", "/breakers/reset"):
            form = {"csrf": csrf, "reason": "x", "seen": "0", "kind": "k", "scope": "global"}
            assert browser.post(path, **form).status_code == 403, path
        halted = browser.post("/halt", csrf=csrf, reason="x", origin=ADDRESS)
        assert halted.status_code == (303 if halts == 200 else 403)
