"""The console in a real browser, beside a whole running system.

Debian's chromium runs it: `apt-get install chromium`.
"""

import os
import re
import shutil
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from bot.authority.override_codes import OverrideCodes, Use
from bot.authority.verifying import problems
from bot.clock import SystemClock
from console.runtime.exchange_record import parse_exchange_record
from models.enums import OverrideAction, TradingState
from models.tables import TradingStateRow
from tests.support.operators import Person, add_person
from tests.support.services import PostgresServer
from tests.support.system import MiniSystem, Worker, mini_system, trade_request
from tests.support.waiting import PATIENCE_SECONDS, eventually
from workers.embedded.acl import CONSOLE
from workers.supervision.ports import free_port

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.services,
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="chromium is not on this machine (apt-get install chromium)",
    ),
]
PATIENCE_MS = PATIENCE_SECONDS * 1000
SMALL = """() => [...document.querySelectorAll('a, button, input, select')]
  .filter((each) => each.offsetParent !== null && !each.closest('.skip, p, li'))
  .map((each) => [each.outerHTML.slice(0, 80), each.getBoundingClientRect()])
  .filter(([, box]) => box.width < 24 || box.height < 24).map(([html]) => html)"""


@pytest.fixture(scope="module")
def system(postgres: PostgresServer) -> Iterator[MiniSystem]:
    # Staging: a recovery takes a login and an override code, and one person.
    with mini_system(postgres, settings={"MLRISK_ENVIRONMENT": "staging"}) as found:
        yield found


@dataclass(frozen=True)
class Served:
    """The console's process and its address."""

    url: str
    process: Worker

    def tell(self, number: signal.Signals) -> None:
        assert self.process.process is not None
        self.process.process.send_signal(number)


@pytest.fixture(scope="module")
def served(system: MiniSystem) -> Iterator[Served]:
    port = free_port()
    logins = system.postgres.logins(system.database_url)
    environment = {
        **system.env(),
        "MLRISK_DATABASE_URL": logins.of_viewer,
        "MLRISK_OPERATOR_DATABASE_URL": logins.operator,
        "MLRISK_REDIS_URL": system.redis.embedded.url(user=CONSOLE),
    }
    command = [sys.executable, "-m", "console.web.main", "--port", str(port)]
    process = Worker("web", command, environment, system.home / "web.log")
    process.start()
    url = f"http://127.0.0.1:{port}"
    try:
        system.wait(lambda: _answers(f"{url}/healthz"), "the browser console")
        yield Served(url, process)
    finally:
        running = process.process
        process.stop()
    assert running is not None
    assert running.returncode == 0, process.log.read_text()


@pytest.fixture(scope="module")
def address(served: Served) -> str:
    return served.url


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


@pytest.fixture(scope="module")
def people(system: MiniSystem) -> dict[str, Person]:
    clock = SystemClock()
    ann = add_person(system.db, clock, "ann")
    return {"ann": ann, "bob": add_person(system.db, clock, "bob", by=ann.login())}


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    assert CHROMIUM, "continuous integration installs chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A person's pages, with everything that they asked for and complained about."""

    def __init__(self, context: BrowserContext, address: str, person: Person) -> None:
        self.context, self.address, self.person = context, address, person
        self.asked: list[str] = []
        self.complaints: list[str] = []
        context.set_default_timeout(PATIENCE_MS)
        context.on("request", lambda request: self.asked.append(request.url))
        context.on("console", lambda said: self._hear(said.type, said.text))
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        self.page = context.new_page()

    def _hear(self, kind: str, text: str) -> None:
        if kind in ("error", "warning"):
            self.complaints.append(text)

    def open(self, path: str) -> Page:
        self.page.goto(f"{self.address}{path}", wait_until="load")
        return self.page

    def login(self) -> Page:
        page = self.open("/")
        page.get_by_label("Operator").fill(self.person.name)
        page.get_by_label("Passphrase").fill(self.person.passphrase)
        page.get_by_label("One-time code").fill(self.person.fresh_code())
        page.get_by_role("button", name="Log in").click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("Watching")
        return page

    def is_sound(self) -> None:
        """Nothing left the machine, and the browser has nothing to complain about."""
        assert {url for url in self.asked if not url.startswith(self.address)} == set()
        assert self.complaints == []


@pytest.fixture
def ann(chromium: Browser, address: str, people: dict[str, Person]) -> Iterator[Watched]:
    yield from _person(chromium, address, people["ann"])


@pytest.fixture
def bob(chromium: Browser, address: str, people: dict[str, Person]) -> Iterator[Watched]:
    yield from _person(chromium, address, people["bob"], color_scheme="dark")


def _person(chromium: Browser, address: str, person: Person, **options: str) -> Iterator[Watched]:
    context = chromium.new_context(viewport={"width": 1400, "height": 900}, **options)  # type: ignore[arg-type]
    found = Watched(context, address, person)
    yield found
    context.close()
    found.is_sound()


def is_accessible(page: Page) -> None:
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    assert page.evaluate(SMALL) == []


def fits_a_phone(page: Page) -> None:
    before = page.viewport_size
    assert before is not None
    page.set_viewport_size({"width": 360, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.set_viewport_size(before)


def picture(page: Page, directory: Path, name: str) -> None:
    page.screenshot(path=directory / f"{name}.jpg", type="jpeg", quality=60)


def test_a_trade_appears_and_is_explained(system: MiniSystem, ann: Watched, tmp_path: Path) -> None:
    page = ann.login()
    request = trade_request()
    outcome = system.outcome(request)
    assert outcome["verdict"] == "allow", outcome
    number = request["request_id"]
    system.wait(lambda: system.finished(number), "the trade's end")
    link = page.locator("#requests").get_by_role("link", name=number)
    expect(link).to_be_visible(timeout=PATIENCE_MS)  # by an event: nobody reloads
    is_accessible(page)
    fits_a_phone(page)
    picture(page, tmp_path, "watch")
    # An update leaves the focus where it is.
    link.focus()
    age = page.locator('[data-age="requests"]')
    seen = age.text_content()
    expect(age).not_to_have_text(seen or "", timeout=PATIENCE_MS)
    assert page.evaluate("document.activeElement.textContent") == number
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(number)
    expect(page.get_by_text("ALLOW", exact=False).first).to_be_visible()
    (child,) = system.children(number)
    expect(page.get_by_text(child.order_link_id).first).to_be_visible()
    is_accessible(page)
    fits_a_phone(page)
    picture(page, tmp_path, "request")


def test_two_operators_halt_at_once_and_the_journal_agrees_and_one_recovers(
    system: MiniSystem, ann: Watched, bob: Watched, people: dict[str, Person], tmp_path: Path
) -> None:
    pages = [each.login() for each in (ann, bob)]
    is_accessible(pages[1])  # in the dark
    twap = {"algorithm": "twap", "horizon_seconds": 60, "interval_seconds": 10}
    system.outcome(trade_request(signal_data=twap))  # whatever the gate makes of it
    for page in pages:
        page.get_by_role("link", name="HALT trading").click()
        page.get_by_label("Reason").fill("drill")
        is_accessible(page)
        page.get_by_role("button", name="Next").click()
        expect(page.get_by_role("heading", name="What will happen")).to_be_visible()
        is_accessible(page)
    picture(pages[0], tmp_path, "halt")
    for page in pages:
        page.get_by_role("button", name=re.compile("HALT .* now")).click(no_wait_after=True)
    for page in pages:
        line = page.locator("#state-line")
        expect(line).to_have_text("HALTED and proven", timeout=PATIENCE_MS)
        is_accessible(page)
    picture(pages[0], tmp_path, "halted")
    told = " ".join(page.locator("main").inner_text() for page in pages)
    assert told.count("it was halted already") == 1
    assert told.count("changed since you looked") == 1
    sealed_at = _sealed_at(system)
    late = system.result(system.send(trade_request()))
    assert late["verdict"] == "deny"
    record = parse_exchange_record(system.exchange.journal())
    assert record.orders
    assert [each for each in record.orders if each.received_at > sealed_at] == []
    _recover(system, ann, people["ann"], tmp_path)
    with system.session() as session:
        assert problems(session) == []


def _sealed_at(system: MiniSystem):  # type: ignore[no-untyped-def]
    with system.session() as session:
        row = session.get_one(TradingStateRow, ("global", "*"))
        assert row.state == TradingState.HALTED
        assert row.sealed_at is not None
        return row.sealed_at


def _recover(system: MiniSystem, ann: Watched, person: Person, directory: Path) -> None:
    use = Use(OverrideAction.RECOVER, "global:*")
    code = OverrideCodes(system.db, SystemClock()).create(use, person.login(), reason="drill").code
    page = ann.open("/recover")
    is_accessible(page)
    fits_a_phone(page)
    picture(page, directory, "recover")
    page.get_by_label("Reason").first.fill("drill is over")
    page.get_by_label("Your passphrase, again").first.fill(person.passphrase)
    page.get_by_label("A new one-time code").first.fill(person.fresh_code())
    page.get_by_label("Override code").first.fill(code)
    page.get_by_role("button", name="Recover at 10 %").click()
    expect(page.locator("#state-line")).to_contain_text("RECOVERING", timeout=PATIENCE_MS)

    def is_recovering() -> bool:
        with system.session() as session:
            row = session.get_one(TradingStateRow, ("global", "*"))
            return row.state == TradingState.RECOVERING

    eventually(is_recovering, "the recovery")


def test_without_scripts_the_button_works_and_a_silent_server_is_told(
    chromium: Browser, served: Served, people: dict[str, Person]
) -> None:
    address = served.url
    context = chromium.new_context(java_script_enabled=False)
    person = Watched(context, address, people["bob"])
    page = person.login()
    expect(page.locator("#requests table")).to_be_visible()
    page.get_by_role("link", name="HALT trading").click()
    page.get_by_role("button", name="Next").click()
    page.get_by_role("button", name=re.compile("HALT .* now")).click()
    # Browsers come again by the answer's own header.
    expect(page.locator("#state-line")).to_have_text("HALTED and proven", timeout=PATIENCE_MS)
    context.close()
    person.is_sound()
    context = chromium.new_context()
    person = Watched(context, address, people["ann"])
    page = person.login()
    expect(page.locator("#stale")).to_be_hidden()
    served.tell(signal.SIGSTOP)
    try:
        expect(page.locator("#stale")).to_be_visible(timeout=PATIENCE_MS)
    finally:
        served.tell(signal.SIGCONT)
    expect(page.locator("#stale")).to_be_hidden(timeout=PATIENCE_MS)
    context.close()
    person.is_sound()
