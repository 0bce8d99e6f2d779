"""The page of the self-assessment in a real browser: readable to everybody, and one file alone."""

import os
import shutil
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from console.selfassess import proofs
from console.selfassess.catalogue import catalogue
from console.selfassess.judging import Assessment, judge
from console.views.assessment_html import assessment_html
from tests.support.documents.assessing import SILENT, T0
from tests.support.waiting import PATIENCE_SECONDS

PATIENCE_MS = PATIENCE_SECONDS * 1000
CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.long,
    pytest.mark.timeout(600),
    pytest.mark.skipif(
        CHROMIUM is None and not os.environ.get("CI"),
        reason="chromium is not on this machine (apt-get install chromium)",
    ),
]


def test_axe_finds_nothing_in_dark_and_on_a_phone_in_light(tmp_path: Path) -> None:
    judged = judge(catalogue(), proofs.ProofFile(), SILENT, None)
    page = tmp_path / "assessment.html"
    page.write_text(assessment_html(Assessment(T0, "none", "none", None, judged)), "utf-8")
    asked: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox"], timeout=PATIENCE_MS
        )
        for scheme, width in (("dark", 1280), ("light", 380)):
            tab = browser.new_page(
                color_scheme=scheme,  # type: ignore[arg-type]
                viewport={"width": width, "height": 900},
            )
            tab.on("request", lambda request: asked.append(request.url))
            tab.goto(page.as_uri(), timeout=PATIENCE_MS)
            found = Axe().run(tab)
            assert found.violations_count == 0, found.generate_report()
        browser.close()
    assert set(asked) == {page.as_uri()}
