"""The documentation is one site: every page is reached, each link leads somewhere, and nothing of
it comes from elsewhere."""

import importlib.util
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml

from bot.risk.checks.registry import CHECKS
from bot.safety.breakers.readings import BreakerKind
from bot.safety.emergency.triggers import TriggerKind
from config.identity import ExchangeMode
from config.secret_files import FILE_SUFFIX
from config.sections import DECLARED
from config.settings import load_settings
from console.errors import ExitCode
from models.alerts.words import SENTENCES
from models.enums import CircuitBreakerType, TradeBlockReason
from tests.support.documents.pages import ANY, RUN_PAGES, shell_blocks
from tests.support.repository import ROOT, text_of
from workers.supervision.topology import Options
from workers.watchdog.settings import load_watchdog_settings

CONFIGURATION = yaml.safe_load(text_of("mkdocs.yml"))
FROM_ELSEWHERE = re.compile(
    r"""(?:<script[^>]+src|<link[^>]+href|<img[^>]+src)=["']?(?:https?:)?//|url\(["']?https?:""",
    re.I,
)


def _hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pages_of_the_site", ROOT / "docs" / "pages.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


HOOKS = _hooks()


def _navigated(entry: Any) -> Iterator[str]:
    if isinstance(entry, str):
        yield entry
        return
    for inner in entry.values() if isinstance(entry, dict) else entry:
        yield from _navigated(inner)


def _build(place: Path, configuration: Path) -> subprocess.CompletedProcess[str]:
    words = ("-m", "properdocs", "build", "--strict", "--config-file", str(configuration))
    return subprocess.run(
        [sys.executable, *words, "--site-dir", str(place)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )


def test_the_navigation_reaches_every_page_once() -> None:
    navigated = list(_navigated(CONFIGURATION["nav"]))
    own = [str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")]
    others = [HOOKS.PROJECT + page for page in HOOKS.PAGES]
    assert sorted(navigated) == sorted([*own, *others])


def test_the_first_page_links_every_other_one() -> None:
    linked = set(re.findall(r"\]\(([^)#]+)\)", text_of("docs/README.md")))
    pages = {str(path.relative_to(ROOT / "docs")) for path in (ROOT / "docs").rglob("*.md")}
    assert pages - {"README.md"} <= linked


@pytest.mark.parametrize(
    ("page", "written", "led"),
    [
        ("how-to/a.md", "[x](../safety.md#b)", "[x](../safety.md#b)"),
        ("how-to/a.md", "[x](../../SECURITY.md#b)", "[x](../project/SECURITY.md#b)"),
        ("a.md", "[x](../SECURITY.md)", "[x](project/SECURITY.md)"),
        ("a.md", "[x](../LICENSE)", "x (`LICENSE`)"),
        ("a.md", "[`LICENSE`](../LICENSE)", "`LICENSE`"),
        ("a.md", "[x](../no-such-file)", "[x](../no-such-file)"),
        ("a.md", "[x](https://example.org/a)", "[x](https://example.org/a)"),
        ("project/README.md", "[x](docs/audit.md#b)", "[x](../audit.md#b)"),
        ("project/README.md", "![x](docs/images/a.png)", "![x](../images/a.png)"),
        ("project/README.md", "[x](SECURITY.md)", "[x](SECURITY.md)"),
        ("a.md", "```sh\n[x](../SECURITY.md)\n```", "```sh\n[x](../SECURITY.md)\n```"),
    ],
)
def test_a_link_leads_within_the_site(page: str, written: str, led: str) -> None:
    assert HOOKS.linked(written, page) == led


def test_the_site_is_built_whole_and_takes_nothing_from_elsewhere(tmp_path: Path) -> None:
    built = _build(tmp_path, ROOT / "mkdocs.yml")
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.html")}
    for page in _navigated(CONFIGURATION["nav"]):
        made = re.sub(r"README\.md$", "index.md", page).replace(".md", ".html")
        assert made in pages
    for path in tmp_path.rglob("*"):
        if path.suffix in (".html", ".css"):
            assert not FROM_ELSEWHERE.search(path.read_text(encoding="utf-8")), path
    index = json.loads((tmp_path / "search" / "search_index.json").read_text(encoding="utf-8"))
    found = {entry["location"].split("#")[0] for entry in index["docs"]}
    assert {"tutorial.html", "reference/commands.html", "project/SECURITY.html"} <= found


def test_what_would_come_from_elsewhere_is_recognised() -> None:
    for text in (
        '<script src="https://cdn.example/x.js">',
        "<link rel='x' href='//fonts.example/a'>",
        "@import url(https://fonts.example/css)",
    ):
        assert FROM_ELSEWHERE.search(text)


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    docs = tmp_path / "docs"
    docs.mkdir()
    page = "# Page\n\n[x](no-such-page.md) and [y](README.md#no-such-heading)\n"
    docs.joinpath("README.md").write_text(page, encoding="utf-8")
    kept = {k: v for k, v in CONFIGURATION.items() if k not in ("nav", "hooks")}
    tmp_path.joinpath("mkdocs.yml").write_text(yaml.safe_dump(kept), encoding="utf-8")
    built = _build(tmp_path / "site", tmp_path / "mkdocs.yml")
    assert built.returncode != 0
    told = built.stdout + built.stderr
    assert "no-such-page" in told
    assert "no-such-heading" in told


def test_each_page_with_commands_has_some_that_are_run() -> None:
    """Adding code and going to testnet take an editor or keys: nothing of theirs can be run."""
    by_hand = {f"docs/how-to/{name}.md" for name in _BY_HAND}
    for page in RUN_PAGES:
        blocks = list(shell_blocks(page))
        assert blocks, page
        assert any(not block.not_run for block in blocks) is (page not in by_hand), page
        expected = {word for block in blocks for word in block.status.split(" or ")}
        assert all(word == ANY or int(word) in {*ExitCode} for word in expected), page


_BY_HAND = ("add-a-check", "add-an-algorithm", "go-to-testnet")


def test_the_settings_of_the_testnet_page_are_accepted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = "\n".join(block.text for block in shell_blocks("docs/how-to/go-to-testnet.md"))
    given = dict(re.findall(r"^export (\w+)=(\S+)$", lines, re.MULTILINE))
    for name, value in given.items():
        monkeypatch.setenv(name, value.replace("~", str(tmp_path)))
        if name.endswith(FILE_SUFFIX):
            file = tmp_path / value.removeprefix("~/")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"text of {name}", encoding="utf-8")
    settings = load_settings()
    settings.require_sound()
    assert settings.exchange_mode is ExchangeMode.TESTNET
    watchdog = load_watchdog_settings()
    assert watchdog.require_keys() != settings.exchange_keys()
    assert watchdog.base_url() == "https://api-testnet.bybit.com"


def test_the_page_about_scaling_names_the_services_that_there_are() -> None:
    page = text_of("docs/how-to/scale-workers.md")
    services = yaml.safe_load(text_of("docker-compose.yml"))["services"]
    rows = re.findall(r"^\| (`.+?) \|", page, re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w-]+)`", row)}
    assert named <= services.keys()
    assert {name for name in services if name.startswith("worker-")} <= named
    scaled = set(re.findall(r"--scale ([\w-]+)=", page))
    assert scaled == {"worker-execution", "worker-validation"}
    processes = Options().concurrency
    for name, words in {"validation": "two", "execution": "four", "emergency": "two"}.items():
        assert f"`{name}` with {words}" in page
        assert processes[name] == {"two": 2, "four": 4}[words]


def test_troubleshooting_answers_every_item_of_the_original_document() -> None:
    """Its headings are ours; the document's causes and remedies are rows below them."""
    text = text_of("docs/troubleshooting.md")
    for heading, causes in {
        "Many trades are blocked": ("confidence threshold", "too uncertain", "market is adverse"),
        "Breakers trip often": ("threshold is too low", "model performs badly", "volatile"),
        "Trading has stopped altogether": ("Severe losses", "Models fail", "system fails"),
        "Tools": ("**Logs.**", "**Figures.**", "**Audit.**"),
    }.items():
        section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
        for cause in causes:
            assert cause in section, (heading, cause)


def test_troubleshooting_names_checks_breakers_and_keys_that_exist() -> None:
    known = {check.rule.name for check in CHECKS} | set(DECLARED)
    for kinds in (TradeBlockReason, CircuitBreakerType, BreakerKind, TriggerKind):
        known |= {kind.value for kind in kinds}
    known |= {*SENTENCES, "model_performance_shrink", "external_halt", "feed"}
    known |= {path.split(".")[0] for path in DECLARED}
    known |= {"ml_predictions", "predicted_at", "request_id", "event"}
    named = set(re.findall(r"`([a-z][a-z_]*(?:\.[a-z_]+)?)`", text_of("docs/troubleshooting.md")))
    assert named - known == set()
