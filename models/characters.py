"""How a character that must not stand in a text is shown instead; imports nothing."""


def code_of(character: str) -> str:
    """The visible code of a character: backslash, x or u, and its number."""
    number = ord(character)
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"
