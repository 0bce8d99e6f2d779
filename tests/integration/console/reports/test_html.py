"""Reports in a real browser: accessible in both schemes, on a phone, and nothing is loaded.

Debian's chromium shows them: `apt-get install chromium`.
"""

import os
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from bot.tca.analysis import analyse
from bot.tca.service import Costs
from console.reports.costs import costs_document, trade_document
from console.reports.daily import daily_document
from console.reports.html import page
from tests.support.documents.daily_facts import daily_facts
from tests.unit.bot.execution.tca.trades import child, part, trade
from tests.unit.console.reports.samples import frame

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="chromium is not on this machine (apt-get install chromium)",
    ),
]
PAINTED = """(name) => [...new Set([...document.querySelectorAll(name)]
  .map((each) => getComputedStyle(each).stroke))]"""


def pages(directory: Path) -> list[Path]:
    found = Costs((analyse(trade(child(0, part("4", "103", "0.1"), sent=30))),), ("r-9: away",))
    documents = {
        "day": daily_document(daily_facts(), frame()),
        "costs": costs_document(found, frame()),
        "trade": trade_document(found, found.trades[0], frame()),
    }
    for name, document in documents.items():
        (directory / f"{name}.html").write_text(page(document), encoding="utf-8")
    return [directory / f"{name}.html" for name in documents]


def test_reports_are_accessible_dark_and_light_and_load_nothing(tmp_path: Path) -> None:
    assert CHROMIUM, "continuous integration installs chromium"
    asked: list[str] = []
    complaints: list[str] = []
    files = pages(tmp_path)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for scheme in ("light", "dark"):
            context = browser.new_context(
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": 1200, "height": 900},
            )
            context.on("request", lambda request: asked.append(request.url))
            context.on("console", lambda said: complaints.append(said.text))
            shown = context.new_page()
            for file in files:
                shown.goto(file.as_uri(), wait_until="load")
                found = Axe().run(shown)
                assert found.violations_count == 0, found.generate_report()
                assert shown.evaluate(PAINTED, "polyline.series") in ([], [SERIES[scheme]])
                shown.set_viewport_size({"width": 360, "height": 740})
                assert shown.evaluate("document.documentElement.scrollWidth <= innerWidth")
                shown.set_viewport_size({"width": 1200, "height": 900})
            context.close()
        browser.close()
    assert set(asked) == {file.as_uri() for file in files}
    assert complaints == []


SERIES = {"light": "rgb(42, 93, 176)", "dark": "rgb(138, 180, 248)"}
