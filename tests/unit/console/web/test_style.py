"""The console's style: nothing moves for a person who wants no motion, and print is plain."""

import re
from pathlib import Path

import console.web

SHEET = (Path(console.web.__file__).parent / "static" / "console.css").read_text(encoding="utf-8")


def blocks(sheet: str) -> list[tuple[str, str]]:
    """Each rule's beginning and inside, at the sheet's upper level."""
    found, depth, begin, head = [], 0, 0, ""
    for place, character in enumerate(sheet):
        if character == "{":
            if depth == 0:
                head, begin = sheet[begin:place].strip(), place + 1
            depth += 1
        elif character == "}":
            depth -= 1
            if depth == 0:
                found.append((head, sheet[begin:place]))
                begin = place + 1
    assert depth == 0, "the sheet's brackets don't match"
    return found


def inside(condition: str) -> str:
    return "\n".join(body for head, body in blocks(SHEET) if condition in head)


def test_what_moves_moves_only_for_people_who_have_not_asked_for_rest() -> None:
    for head, body in blocks(SHEET):
        if "prefers-reduced-motion" not in head:
            assert not re.search(r"\b(transition|animation|scroll-behavior)\b", body), head
    rest = inside("prefers-reduced-motion: reduce")
    for motion in ("transition: none !important", "animation: none !important"):
        assert motion in rest


def test_print_has_no_controls_cuts_no_table_and_marks_every_sheet() -> None:
    printed = inside("print")
    hidden = next(head for head, body in blocks(printed) if "display: none" in body)
    assert {".top nav", ".stop", "button", "form.act"} <= {one.strip() for one in hidden.split(",")}
    rules = dict(blocks(printed))
    assert "overflow: visible" in rules[".scroll"] and "max-height: none" in rules[".scroll"]
    assert "position: fixed" in rules[".top .mark"]
    assert "display: table-header-group" in rules["thead"]


def test_print_is_dark_on_white_also_for_people_with_a_dark_screen() -> None:
    rules = dict(blocks(inside("print")))
    printed = set(re.findall(r"(--[\w-]+):", rules[":root"]))
    dark = dict(blocks(inside("prefers-color-scheme: dark")))
    assert set(re.findall(r"(--[\w-]+):", dark[":root"])) <= printed
    # The later of two rules that apply decides.
    heads = [head for head, _ in blocks(SHEET)]
    assert heads.index("@media print") > heads.index("@media (prefers-color-scheme: dark)")
