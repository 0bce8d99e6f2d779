"""One database, one account at one exchange: bound at the first start, refused by name after."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import select

from bot.errors import DependencyDown
from bot.state import binding
from bot.state.binding import Identity, WrongIdentity
from config.settings import Environment, ExchangeMode, Settings, TradingMode
from models.database import Database
from models.repositories import portfolio
from models.tables import AccountBindingRow, AuditRow
from tests.support.desk import Desk
from tests.support.fakes import T0, FakeExchange

OURS = Identity("paper", "paper", "10000001", Environment.DEVELOPMENT, TradingMode.PAPER_TRADING)


def settings(account: str = "paper", mode: ExchangeMode = ExchangeMode.PAPER) -> Settings:
    return Settings(account=account, exchange_mode=mode, api_key="own", api_secret="own")  # type: ignore[arg-type]


def test_the_first_process_binds_and_the_same_identity_starts_again(
    db: Database, desk: Desk
) -> None:
    for _ in range(2):
        binding.prove(db, desk.exchange, settings(), T0)
    with db.reading() as session:
        assert binding.bound_to(session) == OURS
        kinds = session.scalars(select(AuditRow.kind).where(AuditRow.kind == "database_bound"))
        assert len(kinds.all()) == 1


@pytest.mark.parametrize(
    ("other", "code", "words"),
    [
        (Identity("other", "paper", "10000001"), "wrong_account", "the right MLRISK_ACCOUNT"),
        (Identity("paper", "testnet", "10000001"), "wrong_mode", "MLRISK_EXCHANGE_MODE=paper"),
        (Identity("paper", "paper", "10000002"), "wrong_uid", "start with keys of 10000001"),
    ],
)
def test_another_identity_is_refused_and_told_what_to_do(
    db: Database, other: Identity, code: str, words: str
) -> None:
    binding.bind(db, OURS, T0)
    with pytest.raises(WrongIdentity) as refused:
        binding.bind(db, other, T0)
    assert refused.value.code == code
    assert words in refused.value.message
    assert "new database" in refused.value.message
    with db.reading() as session:
        assert binding.bound_to(session) == OURS


def test_account_and_mode_are_told_without_the_exchange(db: Database) -> None:
    binding.check_settings(db, settings("whoever"))
    binding.bind(db, OURS, T0)
    binding.check_settings(db, settings())
    for wrong in (settings("other"), settings(mode=ExchangeMode.DEMO)):
        with pytest.raises(WrongIdentity):
            binding.check_settings(db, wrong)


GUARDED = replace(
    OURS, account="fund", environment=Environment.PRODUCTION, trading_mode=TradingMode.CONSERVATIVE
)


def test_whoever_says_nothing_gets_what_the_database_is(db: Database) -> None:
    binding.bind(db, GUARDED, T0)
    own = binding.settled(db, Settings())
    assert (own.account, own.environment) == ("fund", Environment.PRODUCTION)
    assert own.trading_mode is TradingMode.CONSERVATIVE
    binding.bind(db, GUARDED, T0)
    with db.reading() as session:
        assert not binding.is_free(session, Settings())


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            {"environment": Environment.DEVELOPMENT},
            "belongs to production, and MLRISK_ENVIRONMENT says development",
        ),
        (
            {"trading_mode": TradingMode.AGGRESSIVE},
            "belongs to conservative, and MLRISK_TRADING_MODE says aggressive",
        ),
        ({"account": "paper"}, "belongs to account fund"),
    ],
)
def test_whoever_says_something_else_is_refused(
    db: Database, said: dict[str, Any], words: str
) -> None:
    binding.bind(db, GUARDED, T0)
    with pytest.raises(WrongIdentity, match=words):
        binding.settled(db, Settings(**said))
    with db.reading() as session:  # whoever looks is shown what is
        assert binding.shown(session, Settings(**said)).environment is Environment.PRODUCTION


def test_a_database_of_an_earlier_version_learns_its_environment_once(db: Database) -> None:
    before = replace(OURS, environment=None, trading_mode=None)
    binding.bind(db, before, T0)
    with db.reading() as session:
        assert not binding.is_free(session, Settings())
        assert binding.needs_second_person(session, Settings())
    binding.bind(db, OURS, T0)
    with db.reading() as session:
        assert binding.bound_to(session) == OURS
        assert binding.is_free(session, Settings())
    with pytest.raises(WrongIdentity):
        binding.bind(db, replace(OURS, environment=Environment.PRODUCTION), T0)


def test_an_exchange_that_can_not_be_asked_binds_nothing(db: Database, desk: Desk) -> None:
    def away() -> str:
        raise DependencyDown("the exchange can't be reached")

    desk.exchange.account_uid = away  # type: ignore[method-assign]
    with pytest.raises(DependencyDown):
        binding.prove(db, desk.exchange, settings(), T0)
    with db.reading() as session:
        assert session.get(AccountBindingRow, 1) is None


def _open_trade(desk: Desk) -> None:
    desk.approve_twap()


def _position(desk: Desk) -> None:
    desk.approve()
    desk.send_due()
    desk.stream()
    assert desk.at_rest()
    assert desk.position() > Decimal(0)


@pytest.mark.parametrize("prepare", [_open_trade, _position])
def test_a_database_from_before_with_anothers_trades_is_refused(
    desk: Desk, prepare: Callable[[Desk], None]
) -> None:
    prepare(desk)
    with desk.db.transaction() as session:
        portfolio.ensure_account(session, "other", T0)
    with pytest.raises(WrongIdentity, match="open trades or positions of account paper"):
        binding.prove(desk.db, FakeExchange(desk.clock), settings("other"), T0)


def test_a_database_from_before_with_anothers_rows_alone_is_refused(desk: Desk) -> None:
    with pytest.raises(WrongIdentity, match="holds the rows of account paper"):
        binding.prove(desk.db, FakeExchange(desk.clock), settings("other"), T0)
