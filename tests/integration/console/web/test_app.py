"""Every answer of the application has its headers, and errors are pages in words."""

import pytest

from console.web.guard import HEADERS
from tests.support.operators import Person
from tests.support.web import Browser, Entered

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]


def test_every_answer_has_the_headers(browser: Browser) -> None:
    for path in ("/login", "/", "/static/console.js", "/nowhere", "/events", "/healthz"):
        answer = browser.get(path)
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS, path
    assert browser.post("/login", origin=None).headers["x-frame-options"] == "DENY"


def test_an_error_is_a_page_in_words(entered: Entered, ann: Person) -> None:
    browser = entered(ann)
    for path, status in (("/requests/none", 404), ("/halts/none", 404), ("/nowhere", 404)):
        answer = browser.get(path)
        assert (answer.status_code, "Back to the watch" in answer.text) == (status, True), path
    missing = browser.post("/recover", csrf=browser.csrf("/"))
    assert (missing.status_code, "field of the form" in missing.text) == (422, True)
    assert browser.get("/recover?scope=nonsense").status_code == 409
