"""The page of commands has each command with its options, as the parser knows them."""

import re

import pytest

from console.reference.commands import text
from console.runtime.acts import BY_LOGIN, LOOKS, OPEN


@pytest.fixture(scope="module")
def page() -> str:
    return text()


def _section(page: str, command: str) -> str:
    return page.split(f"\n## mlrisk {command}\n")[1].split("\n## ")[0]


def test_each_command_has_a_section(page: str) -> None:
    assert set(re.findall(r"^## mlrisk (.+)$", page, re.MULTILINE)) == {*LOOKS, *BY_LOGIN, *OPEN}


def test_a_section_has_usage_options_authority_and_an_example(page: str) -> None:
    section = _section(page, "submit")
    assert "Usage: `mlrisk submit FILE [OPTIONS]`" in section
    assert "| `--wait` |  | Wait for the decision. |" in section
    assert re.search(r"\| `--timeout-seconds` `[^`]+` \| `30.0` \|", section)
    assert "Also: `--home`, `--json`." in section
    assert "acts without a login" in section
    assert "```sh\nmlrisk submit order.json --wait\n```" in section


def test_a_required_option_and_an_argument_that_may_be_left_out_are_told(page: str) -> None:
    assert re.search(r"\| `--reason`, `-r` `[^`]+` \| required \|", _section(page, "halt"))
    assert "Usage: `mlrisk recover [STEP] [NUMBER] [OPTIONS]`" in _section(page, "recover")


def test_the_role_that_may_act_is_told(page: str) -> None:
    assert "with the role `risk_officer`." in _section(page, "resume")
    assert "with the role `operator` or `risk_officer`." in _section(page, "alert ack")
    assert "with `--record` alone, outside development" in _section(page, "selfassess")
    assert "it only looks" in _section(page, "status")
