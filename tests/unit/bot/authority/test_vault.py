"""The box of an operator's secrets, and one-time codes by the vectors of RFC 6238."""

import pytest
from argon2 import Type

from bot.authority import vault
from bot.errors import Refused

PASSPHRASE = "a long walk at low tide"


def test_a_box_opens_with_its_passphrase_and_for_its_owner_only() -> None:
    contents = vault.new_secrets()
    box = vault.lock("ann", PASSPHRASE, contents)
    assert vault.unlock("ann", PASSPHRASE, box) == contents
    assert vault.unlock("ann", PASSPHRASE + " ", box) is None
    assert vault.unlock("bob", PASSPHRASE, box) is None
    assert vault.unlock("ann", PASSPHRASE, None) is None
    changed = vault.Box(box.kdf, box.salt, bytes([box.sealed[0] ^ 1]) + box.sealed[1:])
    assert vault.unlock("ann", PASSPHRASE, changed) is None


def test_one_passphrase_typed_on_two_keyboards_is_one() -> None:
    contents = vault.new_secrets()
    box = vault.lock("ann", "zwei Caf\u00e9s am Meer", contents)
    assert vault.unlock("ann", "zwei Cafe\u0301s am Meer", box) == contents


def test_the_key_is_derived_with_the_low_memory_values_of_rfc_9106() -> None:
    cost = vault.KDFS[vault.KDF]
    assert cost.type is Type.ID
    assert (cost.memory_cost, cost.time_cost, cost.parallelism) == (65_536, 3, 4)
    assert len(vault.derive(vault.KDF, PASSPHRASE, bytes(16))) == 32


def test_a_box_holds_nothing_readable_and_no_representation_shows_a_secret() -> None:
    contents = vault.new_secrets()
    box = vault.lock("ann", PASSPHRASE, contents)
    for secret in (contents.totp_secret, contents.private_bytes, PASSPHRASE.encode()):
        assert secret not in box.sealed
        assert repr(secret)[2:-1] not in repr(contents) + repr(box)


@pytest.mark.parametrize(
    "weak", ["", "short", "x" * 11, "ababababababab", "ann likes the sea", "y" * 1025]
)
def test_an_easy_passphrase_is_refused(weak: str) -> None:
    with pytest.raises(Refused) as refusal:
        vault.lock("ann", weak, vault.new_secrets())
    assert refusal.value.code == "weak_passphrase"
