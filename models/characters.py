"""How a character that must not stand in a text is shown instead; imports nothing of ours."""

import re

# C0 and C1 controls but the newline, marks that reorder a line or have no width, so that two names
# look alike, and lone surrogates, which no terminal's encoding holds.
UNSAFE = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\U000e0000-\U000e007f]"
)


def code_of(character: str) -> str:
    """The visible code of a character: backslash, x, u or U, and its number."""
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def visible(text: str) -> str:
    """The text with every character that could steer a terminal as its visible code."""
    return UNSAFE.sub(lambda found: code_of(found.group()), text)


def visible_line(text: str) -> str:
    """As `visible`, and in one line."""
    return visible(text).replace("\n", "\\n")
