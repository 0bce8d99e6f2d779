import base64
import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256

from paper_exchange.server.auth import ApiKey, KeyRing
from paper_exchange.types import Reject

NOW = 1_700_000_000_000
RING = KeyRing([ApiKey("k", "u", "s")])


def sign(text: str, secret: str = "s") -> str:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()


def enter(
    timestamp: int, *, window: str = "5000", payload: str = "a=b", ring: KeyRing = RING
) -> str:
    signature = sign(f"{timestamp}k{window}{payload}")
    return ring.authenticate("k", signature, str(timestamp), window, payload.encode(), NOW).uid


def test_a_signature_over_the_raw_payload_lets_in() -> None:
    assert enter(NOW) == "u"
    assert enter(NOW, payload='{"qty": "1"}') == "u"


@pytest.mark.parametrize(("offset", "allowed"), [(-5000, True), (-5001, False), (999, True)])
def test_the_window_is_recv_window_back_and_a_second_ahead(offset: int, allowed: bool) -> None:
    if allowed:
        enter(NOW + offset)
        return
    with pytest.raises(Reject) as refused:
        enter(NOW + offset)
    assert refused.value.ret_code == 10002


def test_a_larger_window_never_cures_a_fast_clock() -> None:
    with pytest.raises(Reject) as refused:
        enter(NOW + 1000, window="60000")
    expected = f"req_timestamp[{NOW + 1000}],server_timestamp[{NOW}],recv_window[60000]"
    assert refused.value.ret_msg.endswith(expected)


def test_wrong_keys_and_signatures_have_their_codes() -> None:
    with pytest.raises(Reject) as unknown:
        RING.authenticate("x", "", str(NOW), "", b"", NOW)
    assert unknown.value.ret_code == 10003
    for signature in ("", "0" * 64, "ü"):
        with pytest.raises(Reject) as forged:
            RING.authenticate("k", signature, str(NOW), "", b"", NOW)
        assert forged.value.ret_code == 10004


def test_an_rsa_key_verifies_base64_signatures() -> None:
    private = rsa.generate_private_key(65537, 2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    ring = KeyRing([ApiKey("k", "u", rsa_public_key=public.decode())])
    raw = private.sign(f"{NOW}k5000a=b".encode(), padding.PKCS1v15(), SHA256())
    good = base64.b64encode(raw).decode()
    assert ring.authenticate("k", good, str(NOW), "5000", b"a=b", NOW).uid == "u"
    for bad in (good[:-4], "no base64!", base64.b64encode(raw[::-1]).decode()):
        with pytest.raises(Reject):
            ring.authenticate("k", bad, str(NOW), "5000", b"a=b", NOW)


def test_a_socket_login_expires() -> None:
    good = sign(f"GET/realtime{NOW + 1}")
    assert RING.authenticate_socket("k", NOW + 1, good, NOW).uid == "u"
    with pytest.raises(Reject):
        RING.authenticate_socket("k", NOW + 1, good, NOW + 1)


def test_a_secret_never_shows() -> None:
    assert "hidden" not in repr(ApiKey("k", "u", "hidden"))


def test_a_key_has_one_kind_of_proof_and_one_owner() -> None:
    with pytest.raises(ValueError, match="either"):
        KeyRing([ApiKey("k", "u")])
    with pytest.raises(ValueError, match="twice"):
        KeyRing([ApiKey("k", "u", "s"), ApiKey("k", "v", "s")])
