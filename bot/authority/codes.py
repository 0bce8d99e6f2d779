"""One-time codes by RFC 6238, each of which is accepted once."""

import hmac
from datetime import datetime

import pyotp

INTERVAL_SECONDS = 30
"""The length of a step, as authenticator apps assume it."""
SKEW_STEPS = 1
"""How far the authenticator's clock may be off, in steps."""


def step_of(moment: datetime) -> int:
    """The number of the code's interval at a moment, counted from 1970 as RFC 6238 does."""
    return int(moment.timestamp()) // INTERVAL_SECONDS


def matching_step(totp: pyotp.TOTP, code: str, now: datetime) -> int | None:
    """The step that a code belongs to; None for a code of no present step.

    Every step is compared, so that the time tells nothing. The caller knows whether the step was
    used before.
    """
    given = "".join(code.split()).encode("utf-8", "surrogatepass")
    present, found = step_of(now), None
    for step in range(present - SKEW_STEPS, present + SKEW_STEPS + 1):
        if hmac.compare_digest(totp.generate_otp(step).encode(), given):
            found = step
    return found
