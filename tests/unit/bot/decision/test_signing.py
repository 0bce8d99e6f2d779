"""A signature is its strategy's, for one text, for a while; whatever else is refused by name."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from bot.clock import FixedClock
from bot.decision import authentication, signing
from bot.decision.signing import Signatures, key_line
from bot.errors import NotAuthentic
from examples import signing as sample
from tests.support.fakes import T0

MASTER = "a-master-of-messages"
REQUEST = {"request_id": "r-1", "metadata": {"strategy": "alpha"}, "note": "größer"}
Sent = dict[str, Any]


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def signatures(clock: FixedClock) -> Signatures:
    return Signatures(MASTER, clock, {"retired": 3})


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    return signed(monkeypatch)


def signed(
    monkeypatch: pytest.MonkeyPatch,
    *,
    strategy: str = "alpha",
    key: str | None = None,
    seconds: float = 60,
) -> Sent:
    """What a strategy sends that uses the sample client, at the test's time."""
    monkeypatch.setattr(sample.time, "time", T0.timestamp)
    request = {**REQUEST, "metadata": {"strategy": strategy}}
    made = sample.signed(request, key or key_line(MASTER, strategy), seconds)
    return {"text": made["args"][0], **made["headers"]}


def check(signatures: Signatures, sent: Sent) -> signing.Signature:
    return signatures.check(authentication.TASK, sent["text"], sent.get(signing.HEADER))


def refusal(signatures: Signatures, sent: Sent) -> str:
    with pytest.raises(NotAuthentic) as caught:
        check(signatures, sent)
    assert caught.value.errors[0].field == signing.HEADER
    return caught.value.code


def test_the_sample_clients_message_is_its_strategys(signatures: Signatures, sent: Sent) -> None:
    found = check(signatures, sent)
    assert (found.strategy, found.request_id) == ("alpha", "r-1")
    signing.require_own(found, json.loads(sent["text"]))
    # Sent again within its time it is the same request.
    assert check(signatures, sent) == found


def test_a_message_counts_until_its_end_and_not_for_ever(
    signatures: Signatures, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = signed(monkeypatch, seconds=60)
    clock.move_to(T0 + timedelta(seconds=60))
    check(signatures, sent)
    clock.move_to(T0 + timedelta(seconds=61))
    assert refusal(signatures, sent) == "signature_expired"
    clock.move_to(T0)
    kept = signed(monkeypatch, seconds=2 * 86_400)
    assert refusal(signatures, kept) == "signature_invalid"


def test_another_key_is_refused_and_a_replaced_one_by_its_name(
    signatures: Signatures, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (key_line(MASTER, "beta"), key_line("another-master", "alpha"), "1:"):
        assert refusal(signatures, signed(monkeypatch, key=wrong)) == "signature_invalid"
    for generation, code in ((2, "signature_outdated"), (3, None), (4, None)):
        key = key_line(MASTER, "retired", generation)
        sent = signed(monkeypatch, strategy="retired", key=key)
        if code is None:
            assert check(signatures, sent).generation == generation
        else:
            assert refusal(signatures, sent) == code
    # Whoever has an old key can't pass for a newer one.
    _, _, old = key_line(MASTER, "retired", 2).partition(":")
    assert refusal(signatures, signed(monkeypatch, strategy="retired", key=f"3:{old}")) == (
        "signature_invalid"
    )


ALTERED: dict[str, Callable[[Sent], object]] = {
    "text": lambda sent: sent.update(text=sent["text"].replace("r-1", "r-2")),
    "a space": lambda sent: sent.update(text=sent["text"] + " "),
    "strategy": lambda sent: sent[signing.HEADER].update(strategy="beta"),
    "request_id": lambda sent: sent[signing.HEADER].update(request_id="r-2"),
    "nonce": lambda sent: sent[signing.HEADER].update(nonce="0" * 32),
    "expires": lambda sent: sent[signing.HEADER].update(
        expires=sent[signing.HEADER]["expires"] + 1
    ),
    "generation": lambda sent: sent[signing.HEADER].update(generation=2),
    "mac": lambda sent: sent[signing.HEADER].update(mac="0" * 64),
    "no text": lambda sent: sent.update(text=json.loads(sent["text"])),
    "no object": lambda sent: sent.update({signing.HEADER: "x"}),
    "no nonce": lambda sent: sent[signing.HEADER].pop("nonce"),
    "a long nonce": lambda sent: sent[signing.HEADER].update(nonce="x" * 10_000),
    "letters of others": lambda sent: sent[signing.HEADER].update(mac="ä"),
    "a lone surrogate": lambda sent: sent[signing.HEADER].update(strategy="\ud800"),
    "a time that is true": lambda sent: sent[signing.HEADER].update(expires=True),
    "a time of words": lambda sent: sent[signing.HEADER].update(expires="never"),
    "a time without end": lambda sent: sent[signing.HEADER].update(expires=10**400),
    "half a second": lambda sent: sent[signing.HEADER].update(expires=1.5),
}


@pytest.mark.parametrize("what", ALTERED)
def test_whatever_is_altered_is_refused(signatures: Signatures, sent: Sent, what: str) -> None:
    ALTERED[what](sent)
    assert refusal(signatures, sent) == "signature_invalid"


def test_the_task_is_signed_too(signatures: Signatures, sent: Sent) -> None:
    with pytest.raises(NotAuthentic):
        signatures.check("tasks.emergency.halt", sent["text"], sent[signing.HEADER])


def test_an_unsigned_message_is_refused_by_its_name(signatures: Signatures) -> None:
    assert refusal(signatures, {"text": "{}"}) == "signature_missing"


@pytest.mark.parametrize(
    "raw",
    [
        {"request_id": "r-1", "metadata": {"strategy": "beta"}},
        {"request_id": "r-1", "metadata": {}},
        {"request_id": "r-1", "metadata": "alpha"},
        {"request_id": "r-1"},
        {"request_id": "r-2", "metadata": {"strategy": "alpha"}},
    ],
)
def test_a_key_signs_for_its_own_strategy_and_request_alone(
    signatures: Signatures, sent: Sent, raw: dict[str, Any]
) -> None:
    with pytest.raises(NotAuthentic):
        signing.require_own(check(signatures, sent), raw)
