"""RSA signatures. Imported only for keys that need it, because it takes 8 MB of memory."""

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key


class RsaVerifier:
    """Checks the signatures of one RSA key."""

    def __init__(self, pem: str) -> None:
        """Raises ValueError for anything but an RSA public key."""
        loaded = load_pem_public_key(pem.encode())
        if not isinstance(loaded, RSAPublicKey):
            raise ValueError("not an RSA public key")
        self._key = loaded

    def verify(self, message: bytes, signature: str) -> bool:
        """Whether the signature, in base64, is the key's over exactly these bytes."""
        try:
            raw = base64.b64decode(signature, validate=True)
            self._key.verify(raw, message, PKCS1v15(), SHA256())
        except (InvalidSignature, binascii.Error, ValueError):
            return False
        return True
