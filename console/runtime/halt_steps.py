"""A halt from a person's order to its proof, as the command and the browser take it.

It needs Postgres or the home's halt journal, and neither Celery nor Redis.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from sqlalchemy.exc import OperationalError

from bot.authority.actors import Actor, named
from bot.clock import Clock
from bot.exchange.protocol import Exchange
from bot.safety.flattening import FlatReport
from bot.safety.halt import TradingHalt
from bot.safety.halt_report import HaltReport
from bot.state import halt_journal
from bot.state.binding import WrongIdentity, settled
from bot.state.halt_journal import JournalledHalt
from bot.state.scope import EVERYTHING, Scope
from config.settings import Settings, SettingsError
from console.errors import CommandError
from console.runtime.operator import (
    cancel_without_postgres,
    not_halted,
    revoker,
    too_fast_teller,
)
from models.connecting import is_crowded
from models.database import Database
from models.enums import ScopeKind


@dataclass(frozen=True, slots=True)
class HaltOrder:
    """What a person asks for. Raises CommandError for what can't be done together."""

    scope: Scope
    reason: str
    cancel: bool = False
    """Also cancel our working orders; stops stay."""
    everything: bool = False
    """Also cancel working orders of others."""
    flatten: bool = False
    """Also close every position that the exchange reports."""
    stop_exits: bool = False

    def __post_init__(self) -> None:
        if self.everything and self.scope != EVERYTHING:
            raise CommandError(
                "--all works with the global scope only: orders of others have no other"
            )
        if self.flatten and self.scope.kind is ScopeKind.STRATEGY:
            raise CommandError("--flatten works with no strategy: the exchange knows no strategies")

    @property
    def cancels(self) -> bool:
        """Whether anything is cancelled at the exchange."""
        return self.cancel or self.everything or self.flatten


class HaltSteps:
    """The steps of one halt, in their order: `set_halted`, then `follow`, then `flatten`."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        clock: Clock,
        order: HaltOrder,
        actor: Actor,
        *,
        complain: Callable[[str], None],
    ) -> None:
        """`complain` is told what a person should hear before the end."""
        self._settings = settings
        self._db = db
        self._clock = clock
        self._order = order
        self._actor = actor
        self._complain = complain
        self._exchange: Exchange | None = None

    def set_halted(self) -> bool:
        """Halts, and returns whether it was halted already. Nothing that adds risk goes out then.

        Raises CommandError when Postgres can't be written. The halt is then in the home's journal
        where there is a home, and orders are cancelled as far as they were to be.
        """
        # This comes first and uses one connection: a hanging Postgres delays each one by seconds.
        try:
            return self._tighten(TradingHalt(self._db, self._clock))
        except OperationalError as error:
            raise self._without_postgres(error) from error

    def follow(self, already: bool) -> HaltReport:
        """Stops, cancels and seals. A failure is a line of the report."""
        wrong = None
        if self._order.cancels:
            settings, wrong = self._own()
            self._settings = settings
            self._exchange, wrong = (None, wrong) if wrong else _exchange(settings, self._clock)
        halt = TradingHalt(
            self._db,
            self._clock,
            exchange=self._exchange,
            revoke=revoker(self._settings),
            too_fast=too_fast_teller(self._settings),
        )
        report = halt.follow(
            already,
            actor=self._actor,
            cancel=self._exchange is not None,
            everything=self._order.everything,
            stop_exits=self._order.stop_exits,
            scope=self._order.scope,
        )
        problems = list(report.problems)
        if self._order.flatten and self._exchange is None:
            problems.append("no position was closed")
        if wrong is not None:
            problems.append(f"no order was cancelled: {wrong}")
        return replace(report, problems=tuple(problems))

    def flatten(self) -> FlatReport | None:
        """Closes the positions, after `follow`; None where that was not asked for or can't be."""
        if not self._order.flatten or self._exchange is None:
            return None
        # The import takes long, and the halt must not wait for it.
        from console.runtime.flattening import flattener

        service = flattener(self._db, self._settings, self._exchange, self._clock)
        return service.flatten(self._order.scope, actor=self._actor)

    def _tighten(self, halt: TradingHalt) -> bool:
        """While other connections fill Postgres it waits for a place. Connections that do not log
        in end soon."""
        order = self._order
        try:
            return halt.set_halted(order.reason, self._actor, order.scope, flatten=order.flatten)
        except OperationalError as error:
            if not is_crowded(error):
                raise
            self._db.wait_for_a_place()
            return halt.set_halted(order.reason, self._actor, order.scope, flatten=order.flatten)

    def _without_postgres(self, error: OperationalError) -> CommandError:
        # Before anything at the exchange: a Postgres that comes back must not let entries go.
        journalled = self._write_journal()
        order, exchange, wrong = self._order, None, None
        if order.cancels:
            exchange, wrong = _exchange(self._settings, self._clock)
        if exchange is None:
            return not_halted(error, wrong or "", journalled=journalled)
        return cancel_without_postgres(
            exchange,
            error,
            everything=order.everything,
            exits=order.stop_exits,
            too_fast=too_fast_teller(self._settings),
            journalled=journalled,
        )

    def _write_journal(self) -> bool:
        """Writes the halt to the home's journal; returns False where there is no such home."""
        order, home = self._order, self._settings.home
        halt = JournalledHalt(
            self._clock.now(),
            named(self._actor),
            order.reason,
            str(order.scope),
            cancel=order.cancels,
            flatten=order.flatten,
        )
        try:
            halt_journal.write(home, halt)
        except OSError as error:
            self._complain(f"the halt journal of {home} can't be written ({error.strerror})")
            return False
        return True

    def _own(self) -> tuple[Settings, str | None]:
        """The settings completed from the database, and the reason if these keys must cancel
        nothing.

        It reads rows alone, because nothing may keep a halt waiting.
        """
        try:
            return settled(self._db, self._settings), None
        except WrongIdentity as error:
            return self._settings, str(error)
        except OperationalError as error:
            return self._settings, (
                "the account that the database belongs to can't be read "
                f"({type(error.orig).__name__})"
            )


def _exchange(settings: Settings, clock: Clock) -> tuple[Exchange | None, str | None]:
    """The exchange that cancels orders, or the reason why there is none."""
    # These imports take half a second, and the halt must not wait for them.
    from bot.exchange.factory import make_exchange

    try:
        return make_exchange(settings, clock), None
    except SettingsError as error:
        return None, str(error)
