"""The scopes of trading states as a person writes them: `global`, `account`, `strategy:NAME`,
`symbol:NAME`."""

from dataclasses import dataclass

from bot.errors import Refused
from models.enums import ScopeKind
from models.messages import is_identifier
from models.repositories.states import GLOBAL_KEY, chain_of


@dataclass(frozen=True, slots=True)
class Scope:
    """What a trading state is about."""

    kind: ScopeKind
    key: str

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    @property
    def chain(self) -> str:
        """The audit chain of its states."""
        return chain_of(self.kind, self.key)


GLOBAL = Scope(ScopeKind.GLOBAL, GLOBAL_KEY)


def parse(text: str, account: str) -> Scope:
    """The scope that a person means. A database has one account, so its name may be left out.

    Raises Refused for a word that is no scope.
    """
    kind, _, key = text.strip().partition(":")
    key = key.strip()
    match kind.strip().lower():
        case ScopeKind.GLOBAL if key in ("", GLOBAL_KEY):
            return GLOBAL
        case ScopeKind.ACCOUNT if key in ("", account):
            return Scope(ScopeKind.ACCOUNT, account)
        case ScopeKind.STRATEGY if is_identifier(key):
            return Scope(ScopeKind.STRATEGY, key)
        case ScopeKind.SYMBOL if key.isalnum():
            return Scope(ScopeKind.SYMBOL, key.upper())
    raise Refused(
        f"{text!r} is no scope: global, account, strategy:NAME or symbol:NAME; the account here "
        f"is {account}",
        code="bad_scope",
    )
