"""Errors cross process borders whole."""

import pickle

import pytest

from bot.errors import (
    BadMessage,
    ExchangeRefused,
    FieldError,
    MlriskError,
    OutcomeUnknown,
    Throttled,
)
from models.enums import VenueReason

ERRORS = [
    BadMessage((FieldError("side", "must be buy or sell"),)),
    ExchangeRefused(110007, "ab not enough", reason=VenueReason.MARGIN),
    Throttled("slow down", after_seconds=2.5),
    OutcomeUnknown("read timeout"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda e: type(e).__name__)
def test_an_error_survives_pickling_with_its_details(error: MlriskError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)
    assert vars(copy) == vars(error)
