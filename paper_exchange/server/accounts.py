"""Accounts and their API keys, from a file or the development default."""

import dataclasses
import difflib
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

from paper_exchange.engine.settings import AccountConfig
from paper_exchange.errors import PaperExchangeError
from paper_exchange.server.auth import ApiKey
from paper_exchange.server.yaml_file import YamlFileError, load_yaml

DEFAULT_UID = "paper"
DEFAULT_KEY = "paper-key"
DEFAULT_SECRET = "paper-secret"  # noqa: S105 - published development key, refused nowhere else

SECOND_KEY = "paper-watchdog-key"
"""Another published key of the same account, for a process that watches the first one's owner."""
SECOND_SECRET = "paper-watchdog-secret"  # noqa: S105 - published as well


class AccountsError(PaperExchangeError):
    """The accounts file is unusable; the message names the entry and the field."""


@dataclass(frozen=True, slots=True)
class Account:
    """An account of the exchange with the keys that may act for it."""

    config: AccountConfig
    keys: tuple[ApiKey, ...]

    @property
    def uid(self) -> str:
        """The account's number at the exchange."""
        return self.config.uid

    @property
    def numeric_id(self) -> str:
        """The account's number in the form of Bybit's ids.

        It is made from the uid and is stable.
        """
        return str(10_000_000 + zlib.crc32(self.uid.encode()) % 90_000_000)

    def fee_rates(self, category: str) -> tuple[Decimal, Decimal]:
        """Maker and taker fee rates."""
        if category == "spot":
            return self.config.spot_maker_rate, self.config.spot_taker_rate
        return self.config.linear_maker_rate, self.config.linear_taker_rate


DEFAULT_BALANCES = {"USDT": Decimal(100_000), "BTC": Decimal(1), "ETH": Decimal(10)}
"""Enough to buy and to sell on spot."""


def default_accounts(balances: Mapping[str, Decimal] = DEFAULT_BALANCES) -> list[Account]:
    """The one account of development, with its published keys. Default: quote and base coins."""
    keys = (
        ApiKey(DEFAULT_KEY, DEFAULT_UID, DEFAULT_SECRET),
        ApiKey(SECOND_KEY, DEFAULT_UID, SECOND_SECRET),
    )
    return [Account(AccountConfig(uid=DEFAULT_UID, balances=dict(balances)), keys)]


def parse_balances(text: str) -> dict[str, Decimal]:
    """`USDT=1000,BTC=0.5` as amounts by coin. Raises AccountsError for any other text."""
    balances: dict[str, Decimal] = {}
    for part in text.split(","):
        coin, equals, amount = part.partition("=")
        if not (coin.isalnum() and equals):
            raise AccountsError(f"balances: {part!r} is not COIN=AMOUNT")
        balances[coin] = _decimal(amount, f"balances: {coin}")
        if balances[coin] < 0:
            raise AccountsError(f"balances: {coin} must not be negative")
    return balances


_DECIMALS = {
    "linear_maker_rate",
    "linear_taker_rate",
    "spot_maker_rate",
    "spot_taker_rate",
    "leverage",
}
_CONFIG_FIELDS = {f.name for f in dataclasses.fields(AccountConfig)}
_KEY_FIELDS = {"key", "secret", "rsa_public_key", "rsa_public_key_file", "read_only"}


def load_accounts(path: Path) -> list[Account]:
    """Reads a YAML or JSON list of accounts: the fields of AccountConfig, and `keys`.

    Each key has `key`, one of `secret`, `rsa_public_key` and `rsa_public_key_file` (relative to
    this file), and optionally `read_only`. Numbers are best written as strings.
    """
    try:
        data = load_yaml(path)
    except YamlFileError as error:
        raise AccountsError(str(error)) from error
    if not isinstance(data, list) or not data:
        raise AccountsError(f"{path}: must be a list of accounts")
    accounts = [_account(entry, number, path) for number, entry in enumerate(data, 1)]
    uids = [account.uid for account in accounts]
    if len(set(uids)) != len(uids):
        raise AccountsError(f"{path}: a uid is given twice")
    return accounts


def _account(entry: object, number: int, path: Path) -> Account:
    where = f"{path}: account {number}"
    if not isinstance(entry, dict):
        raise AccountsError(f"{where}: must be a mapping")
    _refuse_unknown(entry, _CONFIG_FIELDS | {"keys"}, where)
    if not isinstance(entry.get("uid"), str) or not entry["uid"]:
        raise AccountsError(f"{where}: uid must be a text")
    fields: dict[str, Any] = {name: value for name, value in entry.items() if name != "keys"}
    for name in _DECIMALS & fields.keys():
        fields[name] = _decimal(fields[name], f"{where}: {name}")
    if "balances" in fields:
        if not isinstance(fields["balances"], dict):
            raise AccountsError(f"{where}: balances must map coins to amounts")
        fields["balances"] = {
            coin: _decimal(amount, f"{where}: balances.{coin}")
            for coin, amount in fields["balances"].items()
        }
    if fields.get("position_mode", "one_way") not in ("one_way", "hedge"):
        raise AccountsError(f"{where}: position_mode must be one_way or hedge")
    keys = entry.get("keys")
    if not isinstance(keys, list) or not keys:
        raise AccountsError(f"{where}: keys must be a list with at least one key")
    return Account(
        AccountConfig(**fields), tuple(_key(key, entry["uid"], where, path) for key in keys)
    )


def _key(entry: object, uid: str, where: str, path: Path) -> ApiKey:
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
        raise AccountsError(f"{where}: each of keys must be a mapping with a key")
    where = f"{where}, key {entry['key']}"
    _refuse_unknown(entry, _KEY_FIELDS, where)
    public = entry.get("rsa_public_key", "")
    if "rsa_public_key_file" in entry:
        file = path.parent / str(entry["rsa_public_key_file"])
        if not file.is_file():
            raise AccountsError(f"{where}: {file} does not exist")
        public = file.read_text()
    if bool(entry.get("secret")) == bool(public):
        raise AccountsError(f"{where}: give either secret or an RSA public key")
    return ApiKey(
        entry["key"], uid, str(entry.get("secret", "")), public, bool(entry.get("read_only"))
    )


def _refuse_unknown(entry: Mapping[Any, Any], known: set[str], where: str) -> None:
    for name in entry:
        if name not in known:
            near = difflib.get_close_matches(str(name), known, 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            raise AccountsError(f"{where}: unknown field {name}{hint}")


def _decimal(value: object, where: str) -> Decimal:
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise AccountsError(f"{where}: {value!r} is not a number") from None
    if not number.is_finite():
        raise AccountsError(f"{where}: must be finite")
    return number
