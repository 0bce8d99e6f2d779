"""Two processes' identities, one database, one exchange with the keys of both accounts."""

import os
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from bot.clock import SystemClock
from bot.errors import ExchangeRefused, Refused
from bot.exchange.factory import make_exchange
from bot.exchange.protocol import OrderIntent, OrderType, TimeInForce
from bot.execution.sending.sender import SendResult
from bot.state import binding
from bot.state.binding import NotBoundYet, WrongIdentity
from config.settings import Settings
from models.enums import TradeSide
from models.tables import AccountBindingRow
from paper_exchange.testing import PaperExchangeProcess
from tasks.bootstrap import Services
from tasks.startup import prove_identity
from tests.support.desk import Desk
from tests.support.services import RedisServer
from tests.support.waiting import START_SECONDS

pytestmark = pytest.mark.services

NOWHERE = "http://127.0.0.1:1"
_ACCOUNTS = """
- uid: first
  balances: {USDT: "1000000"}
  keys: [{key: key-a, secret: secret-a}]
- uid: second
  balances: {USDT: "1000000"}
  keys: [{key: key-b, secret: secret-b}]
"""


@pytest.fixture
def venue(tmp_path: Path) -> Iterator[PaperExchangeProcess]:
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text(_ACCOUNTS)
    process = PaperExchangeProcess(
        *("--accounts", str(accounts), "--market", "synthetic", "--symbols", "BTCUSDT"),
        home=tmp_path,
    )
    with process as running:
        yield running


def identity(url: str, venue: PaperExchangeProcess, account: str, letter: str) -> dict[str, str]:
    return {
        "database_url": url,
        "exchange_url": venue.url,
        "account": account,
        "api_key": f"key-{letter}",
        "api_secret": f"secret-{letter}",
    }


def process_env(values: dict[str, str], redis: RedisServer, home: Path) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("MLRISK_")}
    ours = {f"MLRISK_{name.upper()}": value for name, value in values.items()}
    return {
        **kept,
        **ours,
        "MLRISK_HOME": str(home),
        "MLRISK_REDIS_URL": redis.url(),
        "NO_PROXY": "127.0.0.1,localhost",
        "C_FORCE_ROOT": "1",
    }


def test_the_second_account_sends_none_of_the_firsts_slices(
    desk: Desk, migrated_url: str, venue: PaperExchangeProcess, redis: RedisServer, tmp_path: Path
) -> None:
    """Seen: five of seven slices went out with the other account's keys."""
    first = identity(migrated_url, venue, "paper", "a")
    second = identity(migrated_url, venue, "other", "b")
    clock = SystemClock()
    ours = make_exchange(Settings(**first), clock)  # type: ignore[arg-type]
    binding.prove(desk.db, ours, Settings(**first), clock.now())  # type: ignore[arg-type]
    with desk.db.reading() as session:
        bound = session.get_one(AccountBindingRow, 1)
        assert (bound.account, bound.mode) == ("paper", "paper")
        assert bound.exchange_uid == ours.account_uid()

    desk.approve_twap()
    slices = [child.child_id for child in desk.children()]
    assert len(slices) > 1

    # A process whose settings are the second account's gets no exchange at all,
    with pytest.raises(WrongIdentity, match="belongs to account paper"):
        _ = Services(Settings(**second), clock).sender  # type: ignore[arg-type]
    # one that got past it sends nothing,
    theirs = make_exchange(Settings(**second), clock)  # type: ignore[arg-type]
    sender = desk.new_sender("second")
    sender._exchange = sender._claims._exchange = theirs
    assert {sender.send(child, "other") for child in slices} == {SendResult.FOREIGN}
    # nor does one that has the first account's name and the second one's keys.
    mixed = second | {"account": "paper"}
    with pytest.raises(WrongIdentity, match="these API keys are those of"):
        _ = Services(Settings(**mixed), clock).sender  # type: ignore[arg-type]
    assert theirs.open_orders() == theirs.executions() == []
    assert {child.posts for child in desk.children()} == {0}


@pytest.mark.parametrize(
    ("account", "letter", "words"),
    [
        ("other", "b", "this database belongs to account paper, and MLRISK_ACCOUNT says other"),
        ("paper", "b", "and these API keys are those of"),
    ],
)
def test_no_process_that_sends_starts_with_another_identity(
    desk: Desk, migrated_url: str, venue: PaperExchangeProcess, redis: RedisServer, tmp_path: Path,
    account: str, letter: str, words: str,
) -> None:  # fmt: skip
    clock = SystemClock()
    first = Settings(**identity(migrated_url, venue, "paper", "a"))  # type: ignore[arg-type]
    binding.prove(desk.db, make_exchange(first, clock), first, clock.now())
    env = process_env(identity(migrated_url, venue, account, letter), redis, tmp_path)
    worker = [
        sys.executable,
        "-m",
        "celery",
        "-A",
        "workers.celery.app",
        "worker",
        "-Q",
        "execution",
    ]
    for command, status in (
        ([*worker, "-c", "1", "--without-gossip", "--without-mingle"], 2),
        ([sys.executable, "-m", "workers.feeds.feed"], 1),
    ):
        ended = subprocess.run(
            command, env=env, capture_output=True, text=True, timeout=START_SECONDS, check=False
        )
        assert ended.returncode == status, ended.stderr
        assert words in ended.stdout + ended.stderr


def test_a_hedge_mode_account_is_known_before_the_first_order(
    desk: Desk, migrated_url: str, tmp_path: Path
) -> None:
    """The venue's own word, of an account without any position, and again when it is switched."""
    accounts = tmp_path / "accounts.yaml"
    accounts.write_text(_ACCOUNTS.replace("uid: first", "uid: first\n  position_mode: hedge"))
    process = PaperExchangeProcess(
        *("--accounts", str(accounts), "--market", "synthetic", "--symbols", "BTCUSDT"),
        home=tmp_path,
    )
    with process as running:
        settings = Settings(
            **identity(migrated_url, running, "paper", "a"),  # type: ignore[arg-type]
            symbols="BTCUSDT,NOSUCHUSDT",
        )
        services = Services(settings, SystemClock())
        found = services.check_fitness()
        assert not found.ok
        assert found.reasons.startswith("hedge_mode: the account is in hedge mode for BTCUSDT;")
        body = services.exchange.order_body(
            OrderIntent(
                order_link_id="mr-hedged",
                symbol="BTCUSDT",
                side=TradeSide.BUY,
                qty=Decimal("0.01"),
                order_type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                price=Decimal("10000"),
                reduce_only=False,
            )
        )
        with pytest.raises(ExchangeRefused, match="position idx not match position mode") as no:
            services.exchange.place(body)
        assert no.value.ret_code == 10001
        services.exchange._session.write(
            "switch_position_mode", category="linear", coin="USDT", mode=0
        )
        assert services.check_fitness().ok


def test_a_process_without_keys_decides_for_the_account_that_others_have_proven(
    desk: Desk, migrated_url: str, venue: PaperExchangeProcess, redis: RedisServer
) -> None:
    """It compares the database's row, reads rules and marks, and can ask nothing in its name."""
    named = identity(migrated_url, venue, "paper", "a") | {"redis_url": redis.url()}
    keyless = {k: v for k, v in named.items() if not k.startswith("api_")} | {"holds_keys": "false"}
    clock = SystemClock()
    ours = Services(Settings(**keyless), clock)  # type: ignore[arg-type]
    with pytest.raises(NotBoundYet, match="no process with the exchange's keys"):
        _ = ours.approval
    with desk.db.reading() as session:
        assert session.get(AccountBindingRow, 1) is None
    _ = Services(Settings(**named), clock).exchange  # type: ignore[arg-type]
    assert ours.approval._read_rules is not None
    assert ours.approval._read_rules() == 1
    assert ours.market_for_exits.get("BTCUSDT").mark > 0  # type: ignore[union-attr,operator]
    with pytest.raises(Refused, match="takes a key"):
        ours.exchange.account_uid()
    other = Services(Settings(**keyless | {"account": "other"}), clock)  # type: ignore[arg-type]
    with pytest.raises(WrongIdentity, match="belongs to account paper"):
        _ = other.approval
    # The start of a worker tells the same, and asks no exchange.
    with pytest.raises(SystemExit):
        prove_identity(Settings(**keyless | {"account": "other", "exchange_url": NOWHERE}))  # type: ignore[arg-type]
    settled = prove_identity(Settings(**keyless | {"exchange_url": NOWHERE}))  # type: ignore[arg-type]
    assert settled.account == "paper"
