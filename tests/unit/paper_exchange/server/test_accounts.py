from decimal import Decimal
from pathlib import Path

import pytest

from paper_exchange.server.accounts import (
    AccountsError,
    default_accounts,
    load_accounts,
    parse_balances,
)

GOOD = """
- uid: alice
  balances: {USDT: "1000.5", BTC: 1}
  leverage: "3"
  position_mode: hedge
  linear_taker_rate: "0.0004"
  keys:
    - {key: a, secret: x}
    - {key: b, secret: y, read_only: true}
"""


def test_a_file_gives_accounts_with_exact_money(tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(GOOD)
    (alice,) = load_accounts(path)
    assert alice.config.balances == {"USDT": Decimal("1000.5"), "BTC": Decimal(1)}
    assert alice.fee_rates("linear") == (Decimal("0.0002"), Decimal("0.0004"))
    assert alice.fee_rates("spot") == (Decimal("0.001"), Decimal("0.001"))
    assert [(k.key, k.uid, k.read_only) for k in alice.keys] == [
        ("a", "alice", False),
        ("b", "alice", True),
    ]
    assert alice.numeric_id.isdigit()


def test_without_a_file_there_is_the_development_account() -> None:
    (account,) = default_accounts()
    assert (account.uid, account.keys[0].key) == ("paper", "paper-key")
    assert account.config.balances.keys() == {"USDT", "BTC", "ETH"}


def test_balances_are_read_from_one_text() -> None:
    assert parse_balances("USDT=5000,BTC=0.5") == {"USDT": Decimal(5000), "BTC": Decimal("0.5")}
    for text in ("", "USDT", "USDT=x", "USDT=-1", "USDT=NaN", "=5"):
        with pytest.raises(AccountsError):
            parse_balances(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be a list"),
        ("{}", "must be a list"),
        ("- 5", "account 1: must be a mapping"),
        ("- {uid: '', keys: [{key: k, secret: s}]}", "uid must be a text"),
        ("- {uid: a}", "keys must be a list"),
        ("- {uid: a, keys: [{key: k}]}", "either secret or an RSA"),
        ("- {uid: a, keys: [{key: k, secret: s, sekret: t}]}", "did you mean secret?"),
        ("- {uid: a, leverage: lots, keys: [{key: k, secret: s}]}", "leverage: 'lots'"),
        ("- {uid: a, leverage: .nan, keys: [{key: k, secret: s}]}", "finite"),
        ("- {uid: a, position_mode: both, keys: [{key: k, secret: s}]}", "one_way or hedge"),
        ("- {uid: a, balances: 5, keys: [{key: k, secret: s}]}", "balances must map"),
        ("- {uid: a, keys: [{key: k, rsa_public_key_file: no.pem}]}", "does not exist"),
        ("- &x {uid: a, keys: [{key: k, secret: s}]}\n- *x", "yaml:2: anchors and aliases are not"),
        (
            "- {uid: a, keys: [{key: k, secret: s}]}\n- {uid: a, keys: [{key: l, secret: s}]}",
            "uid is given twice",
        ),
        ("[", "accounts.yaml"),
    ],
)
def test_a_wrong_file_is_refused_with_the_place(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "accounts.yaml"
    path.write_text(text)
    with pytest.raises(AccountsError, match=message.replace("?", r"\?")):
        load_accounts(path)
