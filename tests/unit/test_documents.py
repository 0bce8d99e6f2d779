"""The documents say what is so: commands, targets, links, paths and the example of a request."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from bot.risk.checks.registry import CHECKS
from config.secret_files import FILE_SUFFIX, secret_variables
from config.settings import PREFIX, Settings
from console.cli import app
from models.messages import MLTradeRequest
from tests.support.repository import FENCE, ROOT, code_blocks, project, text_of

DOCUMENTS = (
    *("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"),
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
)


def _commands(document: str) -> Iterator[list[str]]:
    """Every `mlrisk …` of a document's code, as words without comments."""
    code = "\n".join(code_blocks(document, "sh")) + "\n"
    code += "\n".join(re.findall(r"`([^`\n]+)`", FENCE.sub("", text_of(document))))
    for line in code.splitlines():
        for part in line.split("#")[0].split(" | "):
            words = part.split()
            for index, word in enumerate(words):
                if word in ("mlrisk", ".venv/bin/mlrisk"):
                    yield words[index + 1 :]
                    break


def test_the_documents_count_the_checks_of_the_gate() -> None:
    for document in DOCUMENTS:
        told = {int(number) for number in re.findall(r"\b(\d+) checks\b", text_of(document))}
        assert told <= {len(CHECKS)}, document
    assert f"a decision with {len(CHECKS)} checks" in text_of("README.md")


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_command_in_the_documents_exists_with_its_options(document: str) -> None:
    group = typer.main.get_command(app)
    for words in _commands(document):
        command, rest = group, words
        while hasattr(command, "commands") and rest and not rest[0].startswith("-"):
            assert rest[0] in command.commands, f"mlrisk {' '.join(words)}"
            command, rest = command.commands[rest[0]], rest[1:]
        options = {
            name
            for parameter in command.params
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        options |= {name for parameter in group.params for name in parameter.opts} | {"--help"}
        if command.name == "paper-exchange":
            continue  # it hands its options on, --help included
        for word in rest:
            if word.startswith("-"):
                assert word.split("=")[0] in options, f"mlrisk {' '.join(words)}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_make_target_in_the_documents_exists(document: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", text_of(document), re.MULTILINE))
    assert named <= targets


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_and_path_in_the_documents_leads_somewhere(document: str) -> None:
    text = text_of(document)
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        assert "://" in target or (ROOT / document).parent.joinpath(target).exists(), target
    rooms = "config|models|bot|tasks|workers|console|tests|examples|benchmarks"
    for path in re.findall(rf"`((?:{rooms})/[\w./\-]*)`", text):
        assert (ROOT / path).exists(), path


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_anchor_in_the_documents_is_a_heading(document: str) -> None:
    place = (ROOT / document).parent
    for target, anchor in re.findall(r"\]\(([^)#\s:]*)#([^)\s]+)\)", text_of(document)):
        page = place.joinpath(target).resolve() if target else ROOT / document
        assert anchor in _anchors(page.read_text(encoding="utf-8")), f"{target}#{anchor}"


def _anchors(text: str) -> set[str]:
    """The anchors of a page's headings, as a reader of Markdown makes them."""
    headings = re.findall(r"^#+ (.+)$", FENCE.sub("", text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_the_readmes_request_is_a_valid_message() -> None:
    code = code_blocks("README.md", "python")
    assert len(code) == 1
    made: dict[str, Any] = {}
    body = code[0].split("now = ")[1].split("result = ")[0]
    setup = "import uuid\nfrom datetime import UTC, datetime, timedelta\nnow = "
    exec(compile(setup + body, "README.md", "exec"), made)
    assert MLTradeRequest.model_validate(made["request"]).strategy == "readme"


def test_the_licence_is_mit_everywhere() -> None:
    assert text_of("LICENSE").startswith("MIT License")
    assert project()["project"]["license"] == "MIT"


def test_the_changelog_has_a_place_for_what_comes() -> None:
    headings = re.findall(r"^## \[(.+?)\]", text_of("CHANGELOG.md"), re.MULTILINE)
    assert headings[0] == "Unreleased"


def test_the_example_of_settings_names_every_setting_with_its_default() -> None:
    lines = re.findall(rf"^#({PREFIX}\w+)=(.*)$", text_of(".env.example"), re.MULTILINE)
    shown = dict(lines)
    assert len(shown) == len(lines)
    files = {variable + FILE_SUFFIX for variable in secret_variables(Settings).values()}
    names = {f"{PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}
    assert shown.keys() == names.keys() | files
    for variable, field in names.items():
        default = field.default
        if hasattr(default, "get_secret_value"):
            default = default.get_secret_value()
        if field.default_factory is not None or default is None:
            default = ""
        assert shown[variable] == str(default), variable
