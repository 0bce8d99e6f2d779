"""Configurations as facts and tables: every key, its origin, and what nothing enforces."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from bot.limits.source import LayeredConfig
from config.schema import RESERVED_NOTE
from config.sections import DECLARED, RESERVED
from config.settings import Settings
from console.errors import CommandError
from console.views.configuration import (
    configuration_facts,
    named_configuration,
    print_changes,
    print_configuration,
    print_history,
    problems_of,
    read_current,
)


def out() -> tuple[Console, io.StringIO]:
    text = io.StringIO()
    return Console(file=text, width=250), text


def test_every_declared_key_is_shown_with_its_origin() -> None:
    config = LayeredConfig(Settings()).build()
    facts = configuration_facts(config, overrides_known=False)
    assert set(facts["origins"]) == set(DECLARED)
    console, text = out()
    print_configuration(console, config, origin=True, overrides_known=False)
    told = text.getvalue()
    assert all(path in told for path in DECLARED)
    assert told.count(RESERVED_NOTE) == len(RESERVED)
    assert "no system runs here" in told


def test_without_a_system_the_files_alone_count() -> None:
    config, known = read_current(Settings())
    assert not known
    assert config.to_dict() == named_configuration(Settings(), "files").to_dict()
    with pytest.raises(CommandError, match="neither a version"):
        named_configuration(Settings(), "nowhere.yaml")


def test_a_file_is_tried_in_every_environment_and_mode(tmp_path: Path) -> None:
    problems, tried = problems_of(Path("config/ml_risk_config.yaml").absolute())
    assert problems == []
    assert "production/conservative" in tried
    wrong = tmp_path / "wrong.yaml"
    wrong.write_text("base: {gatte: {}}", encoding="utf-8")
    problems, tried = problems_of(wrong)
    assert tried == []
    assert any("gatte" in problem for problem in problems)


def test_where_nothing_differs_it_is_said() -> None:
    console, text = out()
    print_changes(console, [])
    print_history(console, [])
    assert "no difference" in text.getvalue()
    assert "version 1, from the files, is in force" in text.getvalue()
