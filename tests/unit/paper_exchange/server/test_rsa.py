"""RSA signatures: the key's own over exactly these bytes, and nothing else."""

import base64
import subprocess
import sys

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from paper_exchange.server.rsa import RsaVerifier
from tests.support.repository import ROOT

PEM = Encoding.PEM, PublicFormat.SubjectPublicKeyInfo


def test_a_signature_is_valid_for_its_own_bytes_only() -> None:
    key = rsa.generate_private_key(65537, 2048)
    verifier = RsaVerifier(key.public_key().public_bytes(*PEM).decode())
    signature = base64.b64encode(key.sign(b"text", padding.PKCS1v15(), SHA256())).decode()
    assert verifier.verify(b"text", signature)
    assert not verifier.verify(b"test", signature)
    for other in ("", "no base64!", base64.b64encode(b"else").decode()):
        assert not verifier.verify(b"text", other)


def test_another_kind_of_key_is_refused() -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    with pytest.raises(ValueError, match="not an RSA public key"):
        RsaVerifier(key.public_bytes(*PEM).decode())


def test_an_exchange_without_rsa_keys_does_not_load_the_library() -> None:
    code = (
        "import sys\n"
        "from paper_exchange.server.auth import ApiKey, KeyRing\n"
        "KeyRing([ApiKey('k', 'u', secret='s')])\n"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
