"""A drill of the emergency stop: the whole stop on a paper account, measured and stored."""

from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import select

from bot.authority.actors import Actor, Power, named, require
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from bot.safety.emergency import drills
from bot.safety.emergency.drills import Drill
from bot.safety.emergency.stop import ACTOR as EMERGENCY_WORKER
from bot.safety.emergency.trigger_rows import TRIGGERED
from bot.safety.halting.halt import TradingHalt
from bot.safety.halting.report import REPORT
from bot.safety.halting.scoped_state import HALTED_AGAIN
from bot.safety.recovery.preview import Preview
from bot.state import binding, halt_journal
from bot.state.scope import EVERYTHING
from config.settings import ExchangeMode, Settings
from console.runtime.halts.halt_steps import HaltOrder, HaltOutcome, HaltSteps
from console.runtime.halts.recovering import breakers_of, may_end_halt, preview_of
from models.database import Database
from models.enums import ScopeKind, TradingState
from models.repositories.safety import states
from models.tables import AuditRow, TradingStateRow

PROOFS = ("latched", "sealed", "clean", "flat")
"""What a drill proves, in the order of the stop."""
_HALTED = "halted"
"""The kind of the audit entry of a halt's state."""


@dataclass(frozen=True, slots=True)
class DrillEnd:
    """The end of a drill, as it is stored and printed."""

    number: int
    passed: bool
    outcome: HaltOutcome
    seconds: dict[str, float | None]
    """From the begin to each proof; None for a proof that is missing."""
    preview: Preview
    resumed: bool
    kept_halted: str | None
    """Why the system is still halted."""
    left_to_do: tuple[str, ...] = ()
    """What a person has to do until trading goes on, in this order."""
    still_denying: tuple[str, ...] = ()
    """After a resume: what denies entries all the same."""

    @property
    def trades(self) -> bool:
        """Whether new requests may trade after the drill."""
        return self.resumed and not self.still_denying

    def facts(self) -> dict[str, Any]:
        """The end as plain values."""
        return {
            "drill": self.number,
            "passed": self.passed,
            "seconds": self.seconds,
            "halt": self.outcome.facts(),
            "preview": asdict(self.preview),
            "resumed": self.resumed,
            "kept_halted": self.kept_halted,
            "left_to_do": list(self.left_to_do),
            "still_denying": list(self.still_denying),
        }


class HaltDrill:
    """One drill on the running system's paper account."""

    def __init__(self, db: Database, settings: Settings, clock: Clock) -> None:
        self._db = db
        self._settings = settings
        self._clock = clock
        self._looked_at = clock.now()
        """Since then nobody else must have stopped trading."""

    def require_possible(self, actor: Actor, *, resume: bool) -> None:
        """Raises Refused for another exchange than a paper one, and while trading is stopped
        already. Raises NotAuthorised when `resume` is asked for without its authority: a drill must
        not end otherwise than it was meant to."""
        self._looked_at = self._clock.now()
        mode = self._settings.exchange_mode
        if mode is not ExchangeMode.PAPER:
            raise Refused(f"a drill closes every position: it needs paper, and this is {mode}")
        with self._db.reading() as session:
            rows = states.all_states(session)
            in_production = binding.needs_second_person(session, self._settings)
        (everything,) = [row for row in rows if row.scope_kind == ScopeKind.GLOBAL]
        if everything.state != TradingState.ACTIVE:
            raise Refused(
                f"trading is {everything.state.upper()} already "
                f"({everything.reason}): a drill would prove nothing"
            )
        if not resume or may_end_halt(self._db, self._settings):
            return
        if in_production:
            raise NotAuthorised(
                "in production `mlrisk recover` alone ends a halt: drill without --resume"
            )
        require(actor, Power.RESUME, "resuming after a drill")

    def run(self, reason: str, actor: Actor, *, resume: bool) -> DrillEnd:
        """Stops everything, proves it, stores the report, and resumes if asked to.

        The caller has asked `require_possible`.
        """
        began_at = self._clock.now()
        order = HaltOrder(EVERYTHING, f"drill: {reason}", cancel=True, flatten=True)
        halt = HaltSteps(self._settings, self._db, self._clock, order, actor)
        outcome = halt.record(halt.carry_out(halt.set_halted()))
        preview = preview_of(self._settings, self._db, EVERYTHING)
        seconds = _seconds(outcome, began_at)
        passed = outcome.is_complete and None not in seconds.values()
        report = {
            "reason": reason,
            "seconds": seconds,
            "halt": outcome.facts(),
            "preview": _short(preview),
        }
        drill = Drill(
            drills.HALT, self._settings.account, began_at, self._clock.now(), passed, report
        )
        number = drills.store(self._db, drill, actor)
        kept = self._resume(actor, seconds) if resume else _Kept("no --resume was given")
        end = DrillEnd(number, passed, outcome, seconds, preview, kept is None, None)
        if kept is None:
            denying = breakers_of(self._settings, self._db).still_denying()
            return replace(end, still_denying=denying)
        return replace(end, kept_halted=kept.why, left_to_do=(*kept.first, self._way_back()))

    def _resume(self, actor: Actor, seconds: dict[str, float | None]) -> "_Kept | None":
        """Resumes what the drill has stopped; returns why it does not."""
        if seconds["flat"] is None:
            return _Kept(
                "it is not proven that every position is closed",
                ("close what is left: `mlrisk halt --flatten --reason ...`",),
            )
        epoch = self._epoch()
        other = self._other_halt(actor)
        if other is not None:
            return _Kept(
                f"{other} stopped trading as well, during the drill",
                ("find out why: `mlrisk status` has the state, `mlrisk operator acts` who acted",),
            )
        try:
            TradingHalt(self._db, self._clock).resume(
                reason="the drill is over",
                actor=actor,
                development=may_end_halt(self._db, self._settings),
                seen_epoch=epoch,
            )
        except Refused as refusal:
            # Somebody acted between the look and the resume: that halt is not the drill's.
            return _Kept(refusal.message, ("find out who acted: `mlrisk operator acts`",))
        return None

    def _epoch(self) -> int:
        with self._db.reading() as session:
            row = session.get_one(TradingStateRow, (EVERYTHING.kind, EVERYTHING.key))
            return row.epoch

    def _way_back(self) -> str:
        """The command that ends the halt here."""
        with self._db.reading() as session:
            in_production = binding.needs_second_person(session, self._settings)
        if in_production:
            return (
                "`mlrisk recover --reason ...` ends the halt; it takes an override code and a "
                "second risk officer"
            )
        if may_end_halt(self._db, self._settings):
            return "`mlrisk resume --reason ...` ends the halt"
        return (
            "`mlrisk resume --operator NAME --reason ...` ends the halt; it takes a risk officer's "
            "login"
        )

    def _other_halt(self, actor: Actor) -> str | None:
        """Who else stopped everything meanwhile. The emergency worker follows our own halt."""
        if halt_journal.pending(self._settings.home) is not None:
            return "the halt journal"
        own = {_HALTED: 1, REPORT: 1}
        asked = select(AuditRow.kind, AuditRow.actor).where(
            AuditRow.chain.in_((EVERYTHING.chain, self._settings.account)),
            AuditRow.kind.in_((_HALTED, HALTED_AGAIN, REPORT, TRIGGERED)),
            AuditRow.at >= self._looked_at,
        )
        with self._db.reading() as session:
            for kind, who in session.execute(asked.order_by(AuditRow.seq)):
                if (kind, who) == (REPORT, EMERGENCY_WORKER):
                    continue
                if who == named(actor) and own.get(kind, 0) > 0:
                    own[kind] -= 1
                    continue
                return str(who)
        return None


@dataclass(frozen=True, slots=True)
class _Kept:
    """Why a drill does not resume, and what a person does before the halt is ended."""

    why: str
    first: tuple[str, ...] = ()


def _seconds(outcome: HaltOutcome, began_at: datetime) -> dict[str, float | None]:
    report, flat = outcome.report, outcome.flat
    flat_at = None if flat is None else flat.flat_at
    moments = (report.latched_at, report.sealed_at, report.clean_at, flat_at)
    return {
        name: None if at is None else round((at - began_at).total_seconds(), 3)
        for name, at in zip(PROOFS, moments, strict=True)
    }


def _short(preview: Preview) -> dict[str, Any]:
    """The preview without what the audit has anyway."""
    resting = preview.resting.orders
    return {
        "state": preview.state.value,
        "resumes": list(preview.resumes),
        "stays": list(preview.stays),
        "resting_orders": None if resting is None else len(resting),
        "unknown": preview.resting.unknown,
    }
