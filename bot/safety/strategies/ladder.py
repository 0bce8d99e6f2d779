"""The ladder of strategies: their facts, promotions one stage at a time, and demotions at once.

A promotion takes a risk officer's login outside development, and in production a second risk
officer. A demotion voids every earlier approval of an entry: its epoch is a part of the
authorization that each claim compares.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import Actor, Power, is_signed_by, named, record, require
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from bot.execution.orders.stopping import Stopped
from bot.execution.ports import LimitsSource
from bot.safety.strategies import demands, moving
from bot.safety.strategies.evidence import Evidence, gather
from bot.safety.strategies.moving import StageCause
from bot.safety.strategies.profile import Profile
from config.keys.strategies import StrategyRules
from models.audit import GLOBAL_CHAIN, AuditDraft
from models.database import Database, UnitOfWork
from models.enums import StrategyStage
from models.messages import is_identifier
from models.repositories import operators, strategies
from models.tables import AuditRow, StrategyRow

ASKED, CHANGED = "strategy_promotion_asked", "strategy_changed"
CONFIRM_WITHIN = timedelta(hours=24)
"""A promotion is never urgent. After a day the evidence is another one."""


@dataclass(frozen=True, slots=True)
class StrategyAuthority:
    """Who acts, and what the environment asks for."""

    actor: Actor
    is_free: bool = False
    """Whether the environment asks for no login."""
    needs_second: bool = False
    """Whether a promotion waits for a second person."""


class StrategyLadder:
    """The strategies of one account's database."""

    def __init__(self, db: Database, account: str, limits: LimitsSource, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._limits = limits
        self._clock = clock

    def evidence(self, name: str) -> tuple[StrategyRow, Evidence]:
        """The strategy's row, and its record at its stage. Raises Refused for an unknown one."""
        with self._db.reading() as session:
            row = strategies.named(session, name)
            if row is None:
                raise unknown(name)
            return row, gather(session, self._account, row, self._clock.now())

    def set(
        self, name: str, profile: Profile, *, reason: str, authority: StrategyAuthority
    ) -> StrategyRow:
        """Makes a strategy's row, or changes its facts and caps.

        A new one is at the stage of strategies without a row. Another version than the one that
        the row names begins again as a shadow: its entries under way end, as at a demotion. Raises
        NotAuthorised without the power; a wider cap takes that of a promotion.
        """
        if not is_identifier(name):
            raise Refused(f"no message can name this strategy: {name!r}", code="bad_name")
        what = f"changing strategy {name}"
        self._require(authority, Power.MANAGE_STRATEGIES, what)
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            before = strategies.named(uow.session, name)
            is_sound = before is not None and not strategies.stage_of(uow.session, name).reason
            row = self._locked(uow, name, authority.actor, now)
            if profile.widens(row):
                self._require(authority, Power.PROMOTE_STRATEGY, f"widening the caps of {name}")
            begins_again = profile.renews(row) and row.stage is not StrategyStage.SHADOW
            made = profile.apply(row)
            if not made and is_sound:
                raise Refused("nothing would change", code="no_change")
            row.changed_at = now
            said = {"reason": reason, "changes": made}
            subject = strategies.subject_of(name)
            record(uow, GLOBAL_CHAIN, CHANGED, subject, authority.actor, said, now)
            if begins_again:
                row.epoch += 1
                why = f"version {row.version} begins again: {reason}"
                moving.move(uow, row, StrategyStage.SHADOW, StageCause(why, authority.actor, now))
            uow.commit()
        if begins_again:
            moving.end_entries(self._db, self._clock, name, row.stage, authority.actor)
        return row

    def promote(
        self, name: str, to: StrategyStage, *, reason: str, authority: StrategyAuthority
    ) -> StrategyRow:
        """Raises a strategy by one stage; where a second person has to, the first call asks and
        the other person's call acts.

        Raises NotAuthorised without the power or for the same person twice, and Refused for
        another stage than the next, below the minimum of days or decisions, or with a record that
        misses the demands (`bot.safety.strategies.demands`).
        """
        self._require(authority, Power.PROMOTE_STRATEGY, f"promoting strategy {name}")
        now, actor, rules = self._clock.now(), authority.actor, self._limits.limits().strategies
        with self._db.unit_of_work() as uow:
            if strategies.named(uow.session, name) is None:
                raise unknown(name)
            row = self._locked(uow, name, actor, now)
            _require_next(row, to)
            found = gather(uow.session, self._account, row, now)
            _require_enough(row, found, rules)
            if authority.needs_second and not self._is_second(uow.session, row, to, actor, now):
                self._ask(uow, row, to, reason, actor, now)
            else:
                said = {"evidence": facts_of(found), "asked_by": row.asked_by}
                moving.move(uow, row, to, StageCause(reason, actor, now), said)
            uow.commit()
        return row

    def demote(
        self, name: str, to: StrategyStage, *, reason: str, authority: StrategyAuthority
    ) -> tuple[StrategyRow, Stopped]:
        """Lowers a strategy to any lower stage at once, and ends its entries under way.

        From the commit on no claim of an entry that was approved before succeeds. Exits go on.
        """
        self._require(authority, Power.MANAGE_STRATEGIES, f"demoting strategy {name}")
        if not is_identifier(name):
            raise Refused(f"no message can name this strategy: {name!r}", code="bad_name")
        now, actor = self._clock.now(), authority.actor
        with self._db.unit_of_work() as uow:
            row = self._locked(uow, name, actor, now)
            if to.rank >= row.stage.rank:
                raise Refused(
                    f"{name} is at the stage {row.stage}, which is not above {to}", code="no_change"
                )
            row.epoch += 1
            moving.move(uow, row, to, StageCause(reason, actor, now))
            uow.commit()
        return row, moving.end_entries(self._db, self._clock, name, to, actor)

    def _require(self, authority: StrategyAuthority, power: Power, what: str) -> None:
        if not authority.is_free:
            require(authority.actor, power, what)

    def _locked(self, uow: UnitOfWork, name: str, actor: Actor, now: datetime) -> StrategyRow:
        unknown_stage = self._limits.limits().strategies.unknown_stage
        return moving.locked(uow, name, unknown_stage, actor, now)

    def _ask(
        self,
        uow: UnitOfWork,
        row: StrategyRow,
        to: StrategyStage,
        reason: str,
        actor: Actor,
        now: datetime,
    ) -> None:
        row.asked_stage, row.asked_by, row.asked_until = to, named(actor), now + CONFIRM_WITHIN
        row.changed_at = now
        subject = strategies.subject_of(row.name)
        record(uow, GLOBAL_CHAIN, ASKED, subject, actor, {"reason": reason, **_asked(row)}, now)

    def _is_second(
        self, session: Session, row: StrategyRow, to: StrategyStage, actor: Actor, now: datetime
    ) -> bool:
        """Whether another operator has asked for the same promotion lately, by a signed act."""
        if row.asked_stage is not to or row.asked_by is None or row.asked_until is None:
            return False
        if now >= row.asked_until:
            return False
        if row.asked_by == named(actor):
            raise NotAuthorised("a second person has to confirm the promotion", code="same_person")
        if not _was_asked(session, row):
            raise NotAuthorised(
                f"no operator's signed act asks for the promotion of {row.name}", code="not_asked"
            )
        return True


def facts_of(found: Evidence) -> dict[str, Any]:
    """The evidence as an audit entry keeps it."""
    return {
        "days": round(found.days, 3),
        "decisions": found.decisions,
        "approved": found.approved,
        "only_staged": found.only_staged,
        "outcomes": found.outcomes,
        "right": found.right,
        "slippage_bps": None if found.slippage_bps is None else format(found.slippage_bps, "f"),
        "trips": found.trips,
    }


def unknown(name: str) -> Refused:
    """The refusal for a strategy without a row."""
    return Refused(
        f"strategy {name} has no row; `mlrisk strategy set {name} --owner ...` makes one",
        code="unknown_strategy",
    )


def _require_next(row: StrategyRow, to: StrategyStage) -> None:
    if to.rank != row.stage.rank + 1:
        raise Refused(
            f"{row.name} is at the stage {row.stage}; a promotion goes one stage up, not to {to}",
            code="not_next",
        )


def _require_enough(row: StrategyRow, found: Evidence, rules: StrategyRules) -> None:
    short = []
    if found.days < rules.min_stage_days:
        short.append(f"{found.days:.1f} of {rules.min_stage_days:g} days")
    if found.decisions < rules.min_stage_decisions:
        short.append(f"{found.decisions} of {rules.min_stage_decisions} decisions on entries")
    if short:
        raise Refused(
            f"{row.name} has {' and '.join(short)} at the stage {row.stage} "
            "(`strategies.min_stage_days`, `strategies.min_stage_decisions`)",
            code="too_early",
        )
    missed = demands.missed(found.performance, rules)
    if missed:
        raise Refused(
            f"{row.name} misses what a promotion asks for at the stage {row.stage}: "
            f"{'; '.join(missed)}",
            code="not_good_enough",
        )


def _asked(row: StrategyRow) -> dict[str, str | None]:
    """The promotion that the row waits for, as the entry of the act has it."""
    until = row.asked_until
    return {
        "stage_asked": row.asked_stage,
        "until": None if until is None else until.isoformat(),
    }


def _was_asked(session: Session, row: StrategyRow) -> bool:
    """Whether the newest entry about the stage is the signed act that the row names, with its end.

    A row alone proves nothing: it may bring back an act that has led to a stage, or has run out.
    """
    found = session.scalars(
        select(AuditRow)
        .where(
            AuditRow.chain == GLOBAL_CHAIN,
            AuditRow.kind.in_((ASKED, strategies.STAGED)),
            AuditRow.subject == strategies.subject_of(row.name),
        )
        .order_by(AuditRow.seq.desc())
        .limit(1)
    ).first()
    asked_by = str(row.asked_by)
    owner = operators.named(session, asked_by.removeprefix("operator:"))
    if found is None or owner is None or owner.disabled_at is not None:
        return False
    if (found.kind, found.actor) != (ASKED, asked_by):
        return False
    if any(found.payload.get(name) != value for name, value in _asked(row).items()):
        return False
    entry = AuditDraft(found.chain, found.kind, found.subject, found.actor, found.payload, found.at)
    return is_signed_by(entry, owner.public_key)
