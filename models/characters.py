"""How a character that must not stand in a text is shown instead; imports nothing of ours."""

import re

# C0 and C1 controls but the newline, direction marks that reorder a line, and lone surrogates,
# which no terminal's encoding holds.
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


def code_of(character: str) -> str:
    """The visible code of a character: backslash, x or u, and its number."""
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def visible(text: str) -> str:
    """The text with every character that could steer a terminal as its visible code."""
    return UNSAFE.sub(lambda found: code_of(found.group()), text)


def visible_line(text: str) -> str:
    """As `visible`, and in one line."""
    return visible(text).replace("\n", "\\n")
