"""The scope of a command: `account` means the account of the settings."""

from bot.state.scope import EVERYTHING, Scope
from config.settings import Settings
from console.runtime.halts.halting import scope_of
from models.enums import ScopeKind


def test_an_account_without_a_name_is_the_settings_own() -> None:
    settings = Settings(account="main")
    assert scope_of("account", settings) == Scope(ScopeKind.ACCOUNT, "main")
    assert scope_of("global", settings) == EVERYTHING
