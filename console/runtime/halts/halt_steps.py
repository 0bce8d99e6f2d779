"""A halt from a person's order to its proof, as the command and the browser take it.

It needs Postgres or the home's halt journal, and neither Celery nor Redis.
"""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import Any

from sqlalchemy.exc import DBAPIError, OperationalError

from bot.authority.actors import Actor, named
from bot.clock import Clock
from bot.exchange.protocol import Exchange
from bot.execution.orders.attempts import failure_text
from bot.safety.halting.flat_watch import FlatWatch
from bot.safety.halting.flattening import WAIT_SECONDS, FlatReport
from bot.safety.halting.halt import HaltReach, TradingHalt
from bot.safety.halting.latching import Latched
from bot.safety.halting.report import HaltReport, facts_of
from bot.safety.halting.scope_at_exchange import ScopeAtExchange
from bot.state import halt_journal
from bot.state.binding import WrongIdentity, settled
from bot.state.halt_journal import JournalledHalt
from bot.state.scope import EVERYTHING, Scope
from config.settings import Settings, SettingsError
from console.errors import CommandError
from console.runtime.halts.standby import HaltStandby
from console.runtime.operator import (
    call_back_at_exchange,
    not_halted,
    revoker,
    too_fast_teller,
)
from models.connecting import is_crowded
from models.database import Database
from models.enums import ScopeKind

log = logging.getLogger(__name__)

_SHORTEST_FLATTENING_SECONDS = 10.0
"""The time for closing when the cancels have used up the halt's."""


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


@dataclass(frozen=True, slots=True)
class HaltOutcome:
    """The end of a halt. `flat` is None where nothing could be flattened, or was to be."""

    report: HaltReport
    flat: FlatReport | None
    flattens: bool

    @property
    def is_complete(self) -> bool:
        """Whether every step was done and proven."""
        is_flat = not self.flattens or (self.flat is not None and self.flat.flat_at is not None)
        return self.report.sealed_at is not None and not self.report.problems and is_flat

    def facts(self) -> dict[str, Any]:
        """The outcome as plain JSON."""
        return facts_of(self.report) | self.flat_facts()

    def flat_facts(self) -> dict[str, Any]:
        """The flattening's part of the facts."""
        if self.flat is None:
            return {}
        at = self.flat.flat_at
        return {"flat": asdict(self.flat) | {"flat_at": None if at is None else at.isoformat()}}


@dataclass(frozen=True, slots=True)
class WithoutPostgres:
    """A halt whose state can't be written to Postgres: what is known at once, and what is left."""

    cause: DBAPIError
    known: CommandError
    """The error to end with while nothing was done at the exchange."""
    is_journalled: bool
    """Whether the home's journal stops entries on this machine."""
    act: Callable[[], CommandError]
    """Cancels and closes at the exchange as far as asked, which may take a minute. Returns the
    error to end with."""


class HaltSteps:
    """The steps of one halt, in their order: `set_halted`, then `carry_out`, then `record`."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        clock: Clock,
        order: HaltOrder,
        actor: Actor,
        standby: HaltStandby | None = None,
    ) -> None:
        """`standby` is the connection that a process keeps for halts."""
        self._settings = settings
        self._db = db
        self._clock = clock
        self._order = order
        self._actor = actor
        self._standby = standby

    def set_halted(self) -> Latched:
        """Halts. Nothing that adds risk goes out then.

        Raises CommandError when Postgres can't be written. The halt is then in the home's journal
        where there is a home; orders are cancelled and positions closed as far as they were to be.
        """
        found = self.set_or_journal()
        if isinstance(found, WithoutPostgres):
            raise found.act() from found.cause
        return found

    def set_or_journal(self) -> Latched | WithoutPostgres:
        """As `set_halted`, but it asks the exchange nothing and raises nothing while Postgres can't
        be written: then the halt is in the home's journal where there is a home, and the caller
        acts at the exchange when it likes."""
        order = self._order
        if self._standby is not None:
            latched = self._standby.set_halted(
                order.reason, self._actor, order.scope, flatten=order.flatten
            )
            if latched is not None:
                return latched
        # This comes first and uses one connection: a hanging Postgres delays each one by seconds.
        try:
            return self._tighten(TradingHalt(self._db, self._clock))
        except DBAPIError as error:
            return self._without_postgres(error)

    def close(self) -> None:
        """Closes the database's connections, for a caller who made them for this halt alone."""
        self._db.dispose()

    def carry_out(
        self, latched: Latched, *, reported: Callable[[HaltReport], None] | None = None
    ) -> HaltOutcome:
        """Stops, cancels and seals, and then closes positions. A failure is a line of the report.

        `reported` gets the report before positions are closed. People are told when a flattening
        takes longer than its time, which begins before the cancels.
        """
        begun = time.monotonic()
        if not self._order.flatten:
            report, _ = self._follow(latched)
            if reported is not None:
                reported(report)
            return HaltOutcome(report, None, flattens=False)
        with FlatWatch(self._order.scope, WAIT_SECONDS) as watch:
            report, exchange = self._follow(latched)
            if reported is not None:
                reported(report)
            flat = None if exchange is None else self._flatten(report, exchange, watch, begun)
        return HaltOutcome(report, flat, flattens=True)

    def record(self, outcome: HaltOutcome, signer: Actor | None = None) -> HaltOutcome:
        """Writes the report into the audit, which a logged-in operator signs; by default under the
        name of who halts."""
        report = TradingHalt(self._db, self._clock).record(
            outcome.report,
            self._order.scope,
            self._actor if signer is None else signer,
            outcome.flat_facts(),
        )
        return replace(outcome, report=report)

    def _follow(self, latched: Latched) -> tuple[HaltReport, Exchange | None]:
        """The report of all steps but the flattening, and the exchange that cancels."""
        wrong, exchange = None, None
        if self._order.cancels:
            self._settings, wrong = self._own()
            exchange, wrong = (None, wrong) if wrong else _exchange(self._settings, self._clock)
        halt = TradingHalt(
            self._db,
            self._clock,
            exchange=exchange,
            revoke=revoker(self._settings),
            too_fast=too_fast_teller(self._settings),
        )
        reach = HaltReach(
            self._order.scope,
            cancel=exchange is not None,
            everything=self._order.everything,
            stop_exits=self._order.stop_exits,
        )
        report = halt.carry_out(latched, reach, actor=self._actor)
        problems = list(report.problems)
        if self._order.flatten and exchange is None:
            problems.append("no position was closed")
        if wrong is not None:
            problems.append(f"no order was cancelled: {wrong}")
        return replace(report, problems=tuple(problems)), exchange

    def _flatten(
        self, report: HaltReport, exchange: Exchange, watch: FlatWatch, begun: float
    ) -> FlatReport:
        rest = max(_SHORTEST_FLATTENING_SECONDS, WAIT_SECONDS - (time.monotonic() - begun))
        try:
            # The import takes long, and the halt must not wait for it.
            from console.runtime.halts.flattening import flattener

            service = flattener(self._db, self._settings, exchange, self._clock)
            return service.flatten(
                self._order.scope, actor=self._actor, wait_seconds=rest, watch=watch
            )
        except Exception as error:  # the report goes on, and the emergency worker as well
            log.exception("a flattening failed", extra={"event": "halt_flattening_failed"})
            why = f"the closing failed, run it again ({failure_text(error)})"
            return FlatReport(None, (), (), (why,))
        except BaseException:
            # Somebody ends this process: what was done until then is in the audit.
            self.record(HaltOutcome(report, None, flattens=True))
            raise

    def _tighten(self, halt: TradingHalt) -> Latched:
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

    def _without_postgres(self, error: DBAPIError) -> WithoutPostgres:
        """Halts by the home's journal; what follows at the exchange is the caller's to begin."""
        order = self._order
        halt = JournalledHalt(
            self._clock.now(),
            named(self._actor),
            order.reason,
            str(order.scope),
            cancel=order.cancels,
            flatten=order.flatten,
        )
        # Before anything at the exchange: a Postgres that comes back must not let entries go.
        problem = self._write_journal(halt)

        def ends(outcome: str | None) -> CommandError:
            lines = [line for line in (problem, outcome) if line]
            return not_halted(error, "; ".join(lines), journalled=problem is None)

        def act() -> CommandError:
            if not order.cancels:
                return ends(None)
            exchange, outcome = _exchange(self._settings, self._clock)
            return ends(outcome if exchange is None else self._at_exchange(exchange, halt))

        return WithoutPostgres(error, ends(None), problem is None, act)

    def _at_exchange(self, exchange: Exchange, halt: JournalledHalt) -> str:
        """Cancels, and closes if asked to; what came of it, in one line."""
        order, settings = self._order, self._settings

        def cancel() -> str:
            return call_back_at_exchange(
                exchange,
                everything=order.everything,
                exits=order.stop_exits,
                too_fast=too_fast_teller(settings),
                within=ScopeAtExchange(order.scope, settings.account),
            )

        if not order.flatten:
            return cancel()
        from console.runtime.halts.without_postgres import LastResort, in_words

        resort = LastResort(
            exchange,
            self._clock,
            settings.home,
            settings.account,
            order.scope,
            halt.at,
            cancel,
        )
        flat, said = resort.flatten()
        return f"{said}; {in_words(flat)}"

    def _write_journal(self, halt: JournalledHalt) -> str | None:
        """Writes the halt to the home's journal; returns why it can't, such as no home."""
        home = self._settings.home
        try:
            halt_journal.write(home, halt)
        except OSError as error:
            return f"the halt journal of {home} can't be written ({error.strerror})"
        return None

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
