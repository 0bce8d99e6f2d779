"""The documentation page names what there is."""

from pathlib import Path

from paper_exchange.main import parser
from paper_exchange.server.faults.catalogue import CATALOGUE

PAGE = (Path(__file__).parents[4] / "docs" / "paper-exchange.md").read_text()


def test_every_fault_stands_on_the_page_with_its_own_words() -> None:
    for name, kind in CATALOGUE.items():
        assert f"| `{name}` | {kind.about} |" in PAGE


def test_every_option_on_the_page_exists() -> None:
    known = parser().format_help()
    for word in PAGE.replace("`", " ").split():
        option = word.rstrip(".,;:)")
        if option.startswith("--") and option.strip("-"):
            assert option in known, option
