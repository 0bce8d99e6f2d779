"""The documentation page names what there is."""

from pathlib import Path

from paper_exchange import pytest_plugin, recorder
from paper_exchange.main import parser
from paper_exchange.server.faults.catalogue import CATALOGUE

PAGE = (Path(__file__).parents[4] / "docs" / "paper-exchange.md").read_text()


def test_every_fault_stands_on_the_page_with_its_own_words() -> None:
    for name, kind in CATALOGUE.items():
        assert f"| `{name}` | {kind.about} |" in PAGE


def test_every_option_on_the_page_exists() -> None:
    plugin = Path(pytest_plugin.__file__).read_text()
    known = parser().format_help() + recorder.parser().format_help()
    known += " --paper-market --paper-arguments" if 'f"--paper-{name}"' in plugin else ""
    for word in PAGE.replace("`", " ").split():
        option = word.rstrip(".,;:)")
        if option.startswith("--") and option.strip("-"):
            assert option in known, option
