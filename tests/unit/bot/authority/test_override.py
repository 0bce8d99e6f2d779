"""An override code is kept as its derived key and recognised by it alone."""

import pytest

from bot.authority.override import OverrideCode


@pytest.mark.usefixtures("quick_passphrases")
def test_a_code_is_recognised_and_shows_nothing_of_itself() -> None:
    first, second = OverrideCode.of("let me out"), OverrideCode.of("let me out")
    assert first.is_of("let me out")
    assert not first.is_of("let me out ")
    assert not first.is_of("")
    assert first.salt != second.salt
    assert first.derived != second.derived
    assert "salt" not in repr(first) and "derived" not in repr(first)
