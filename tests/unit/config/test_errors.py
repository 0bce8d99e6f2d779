"""An error of ours survives the way between two processes."""

import pickle

from bot.errors import Throttled
from config.errors import MlriskError


def test_message_and_code_survive_pickling() -> None:
    error = MlriskError("it is away", code="gone")
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), back.message, back.code) == (
        *(MlriskError, "it is away", "it is away", "gone"),
    )


def test_a_subclass_keeps_what_it_adds_and_is_named_by_its_class() -> None:
    back = pickle.loads(pickle.dumps(Throttled("slow down", after_seconds=2.5)))
    assert (back.after_seconds, back.message) == (2.5, "slow down")
    assert MlriskError().code == "MlriskError"
