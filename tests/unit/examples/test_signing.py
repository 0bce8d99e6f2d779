"""The sample's signature is the one that mlrisk verifies, over all of the message."""

import json

from examples.signing import TASK, signed

REQUEST = {"request_id": "r-1", "metadata": {"strategy": "demo"}}


def test_the_proof_stands_beside_the_text_that_it_covers() -> None:
    sent = signed(REQUEST, "3:secret\n")
    (text,) = sent["args"]
    proof = sent["headers"]["mlrisk_auth"]
    assert json.loads(text) == REQUEST
    assert (proof["strategy"], proof["generation"], proof["request_id"]) == ("demo", 3, "r-1")
    assert "secret" not in json.dumps(sent)
    assert TASK == "tasks.validation.validate_and_execute"


def test_no_two_signatures_are_alike() -> None:
    one, two = (signed(REQUEST, "3:secret")["headers"]["mlrisk_auth"] for _ in range(2))
    assert one["nonce"] != two["nonce"]
    assert one["mac"] != two["mac"]
