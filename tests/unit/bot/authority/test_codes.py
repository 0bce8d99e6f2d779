"""One-time codes are those of RFC 6238, one step early or late."""

from datetime import UTC, datetime, timedelta

import pyotp
import pytest

from bot.authority import codes, vault

RFC_SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_234_567_890, "005924"),
        (20_000_000_000, "353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    totp = vault.Secrets(RFC_SECRET, bytes(32)).totp
    now = datetime.fromtimestamp(seconds, UTC)
    assert codes.matching_step(totp, code, now) == seconds // 30


def test_a_code_counts_one_step_early_and_late_and_no_further() -> None:
    totp = pyotp.TOTP(pyotp.random_base32())
    now = datetime(2026, 3, 1, 12, 0, 15, tzinfo=UTC)
    present = codes.step_of(now)
    near = {step: totp.generate_otp(present + step) for step in range(-3, 4)}
    for step, code in near.items():
        if any(code == near[other] for other in (-1, 0, 1) if other != step):
            continue  # two steps with one code: it is the later one's
        expected = present + step if abs(step) <= 1 else None
        assert codes.matching_step(totp, code, now) == expected
    assert codes.matching_step(totp, near[0][:3] + " " + near[0][3:], now) is not None


@pytest.mark.parametrize("code", ["", "12345", "abcdef", "１２３４５６", "\ud800", "0" * 10_000])
def test_what_is_no_code_matches_nothing(code: str) -> None:
    totp = vault.Secrets(RFC_SECRET, bytes(32)).totp
    now = datetime.fromtimestamp(59, UTC) + timedelta(days=1)
    assert codes.matching_step(totp, code, now) is None
