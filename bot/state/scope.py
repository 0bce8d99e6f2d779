"""The scope of a trading state: everything, an account, a strategy or a symbol."""

from dataclasses import dataclass

from bot.errors import Refused
from models.enums import ScopeKind
from models.repositories.safety import states
from models.tables import RecoveryRow, TradingStateRow

_NAMED = (ScopeKind.STRATEGY, ScopeKind.SYMBOL)
_FORMS = "global, account, strategy:NAME or symbol:SYMBOL"


@dataclass(frozen=True, slots=True)
class Scope:
    """A kind of scope and its name. The name of the global scope is `*`."""

    kind: ScopeKind
    key: str

    @classmethod
    def of(cls, row: TradingStateRow | RecoveryRow) -> "Scope":
        """The scope that a row is about. Its columns are texts, so that a row of an unknown kind,
        which applies to no trade, hides no other. Raises ValueError for one."""
        return cls(ScopeKind(row.scope_kind), row.scope_key)

    def __str__(self) -> str:
        return f"{self.kind}:{self.key}"

    @property
    def chain(self) -> str:
        """The audit chain of all entries about the scope's state."""
        return states.chain_of(self.kind, self.key)


EVERYTHING = Scope(ScopeKind.GLOBAL, states.GLOBAL_KEY)


def parse(text: str, account: str) -> Scope:
    """The scope that a person or a message names; `account` alone is this account.

    Raises Refused for anything but `global`, `account`, `account:NAME`, `strategy:NAME` and
    `symbol:SYMBOL`.
    """
    kind, colon, key = text.partition(":")
    if kind == ScopeKind.GLOBAL and key in ("", states.GLOBAL_KEY):
        return EVERYTHING
    if kind == ScopeKind.ACCOUNT:
        if colon and not key:
            raise Refused(f"a scope is {_FORMS}")
        return Scope(ScopeKind.ACCOUNT, key or account)
    if kind in _NAMED and key and key.isprintable():
        return Scope(ScopeKind(kind), key)
    raise Refused(f"a scope is {_FORMS}")
