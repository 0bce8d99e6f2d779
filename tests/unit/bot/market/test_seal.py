"""What a seal proves: who wrote a text, for which place, and until when."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.clock import FixedClock
from bot.market.seal import BrokenSeal, Seal

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
PLACE = "market:BTCUSDT"
TEXT = '{"s":"BTCUSDT","m":"65000.10"}'


def seal(key: str = "our-key", at: datetime = NOW) -> Seal:
    return Seal(key, FixedClock(at))


@pytest.mark.parametrize("text", [TEXT, "", ":::", "\N{EURO SIGN}"])
def test_a_text_is_what_it_was_until_its_end(text: str) -> None:
    stored = seal().close(PLACE, text, 60)
    late = seal(at=NOW + timedelta(seconds=60))
    assert late.open(PLACE, stored) == late.open(PLACE, stored.encode()) == text
    with pytest.raises(BrokenSeal, match=r"market:BTCUSDT .* time is over"):
        seal(at=NOW + timedelta(seconds=60, microseconds=1)).open(PLACE, stored)


def test_another_key_place_text_or_end_breaks_it() -> None:
    stored = seal().close(PLACE, TEXT, 60)
    mark, end, code, text = stored.split(":", 3)
    later = str(int(end) + 3_600_000_000)
    for forged in (
        ":".join((mark, end, code, text.replace("65000", "1"))),
        ":".join((mark, later, code, text)),
        ":".join((mark, end[:-1], code, end[-1] + text)),
        ":".join((mark, end, code.replace(code[0], "\N{EURO SIGN}"), text)),
        ":".join((mark, end, "", text)),
        seal("another-key").close(PLACE, TEXT, 60),
        seal().close("market:ETHUSDT", TEXT, 60),
    ):
        with pytest.raises(BrokenSeal, match="not ours"):
            seal().open(PLACE, forged)


@pytest.mark.parametrize("stored", [TEXT, "", b"\xff", b"sealed", "sealed:1:2", "other:1:2:3"])
def test_what_was_never_sealed_is_named(stored: str | bytes) -> None:
    with pytest.raises(BrokenSeal, match=r"has no seal|is no text"):
        seal().open(PLACE, stored)


def test_there_is_no_seal_without_a_key() -> None:
    with pytest.raises(ValueError, match="needs a key"):
        seal("")
