"""No text of others steers the terminal, breaks the markup or leaves a line of its own."""

import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table

from console.foreign import SafeConsole, json_safe, visible, visible_line
from console.output import to_json

ATTACKS = [
    "\x1b[2J\x1b[1;1H all is well",
    "\x9b31m red by the 8-bit introducer",
    "\x1b]8;;http://127.0.0.1\x07a link\x1b]8;;\x07",
    "moved back\rACTIVE",
    "a\u202eb reads the other way round",
    "[/] closes what is not open",
    "[bold red]HALTED[/bold red] [unclosed",
    "NUL\x00 and a lone surrogate \ud800",
]


def _printed(*renderables: object) -> str:
    out = io.StringIO()
    console = SafeConsole(file=out, width=200, highlight=False, force_terminal=True)
    for renderable in renderables:
        console.print(renderable)
    return out.getvalue()


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_text_table_and_panel_is_shown_and_does_not_act(attack: str) -> None:
    table = Table("reason")
    table.add_row(attack)
    printed = _printed(attack, escape(attack), table, Panel(escape(attack), title="x"))
    printed.encode()  # no lone surrogate is left
    for character in "\x00\x07\r\x9b\u202e\ud800":
        assert character not in printed
    # rich's own styles are the only escape sequences: none of them clears, moves or links.
    assert "\x1b[2J" not in printed
    assert "\x1b]8" not in printed


@given(st.text())
def test_any_text_prints_as_markup_and_as_data(text: str) -> None:
    _printed(text, escape(text)).encode()


@given(st.text())
def test_visible_text_is_stable_and_a_line_is_one_line(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert len(visible_line(text).splitlines()) <= 1


@given(st.text())
def test_json_keeps_every_character_and_holds_none_that_acts(text: str) -> None:
    printed = to_json({"reason": text})
    assert json.loads(printed) == {"reason": text}
    assert json_safe(printed) == printed
    printed.encode()
