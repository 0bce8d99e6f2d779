"""Limit changes at run time: proposed, approved by a second person where they loosen, recorded.

Tightening is free. Loosening needs an operator's login outside development, and in production the
login of a second operator as well. A change that is not known to be stricter counts as loosening.
Every change locks the row of the global trading state, so that changes come one after the other and
ineffective limits halt trading in the same commit.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from bot.authority.actors import (
    Actor,
    Power,
    Program,
    claims_operator,
    named,
    record,
    require,
)
from bot.clock import Clock
from bot.errors import NotAuthorised, Refused
from bot.limits import selftest, workers_file
from bot.limits.changes import (
    Version,
    checked,
    differences,
    direction_of,
    plain,
    version_of,
)
from bot.limits.selftest_halt import halt_on_ineffective, halt_on_ineffective_in, seal
from bot.limits.source import (
    LayeredConfig,
    limits_of,
    verified_override,
    verified_proposal,
    version_in_force,
)
from bot.risk.limits import RiskLimits
from bot.state import binding
from config.settings import Settings
from config.thresholds import MLRiskConfig
from models.audit import GLOBAL_CHAIN
from models.database import Database, UnitOfWork
from models.documents.limits import ValueChange
from models.documents.stored_form import to_json
from models.enums import Direction, ScopeKind, VersionState
from models.repositories import configurations
from models.repositories.configurations import FILES_VERSION
from models.repositories.safety import states
from models.tables import ConfigVersionRow


class ConfigurationService:
    """The configuration of one environment and mode: the version in force, and every change of
    it."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        clock: Clock,
        *,
        prove: Callable[[RiskLimits], tuple[str, ...]] = selftest.prove,
    ) -> None:
        self._db = db
        self._clock = clock
        self._files = LayeredConfig(settings)
        self._prove = prove
        self._settings = settings

    def current(self) -> MLRiskConfig:
        """The configuration in force now."""
        with self._db.reading() as session:
            row = version_in_force(session, self._files.environment, self._files.mode)
        return self._build(row)

    def at(self, version_id: int) -> MLRiskConfig:
        """The configuration with that version's overrides over today's files."""
        if version_id == FILES_VERSION:
            return self._files.build()
        with self._db.reading() as session:
            row = configurations.version(session, version_id)
        return self._build(self._ours(row, version_id))

    def history(self, limit: int = 100) -> list[Version]:
        """Every version, newest first."""
        with self._db.reading() as session:
            rows = configurations.history(session, self._files.environment, self._files.mode, limit)
        return [version_of(row) for row in rows]

    def propose(
        self,
        changes: Mapping[str, Any],
        *,
        actor: Actor,
        reason: str,
        unset: Sequence[str] = (),
    ) -> Version:
        """Makes a new version: active at once, or waiting for a second person if it loosens
        production.

        Raises ConfigError with every problem at once, Refused when it would change nothing, and
        NotAuthorised when it loosens where that needs a login.
        """
        _require_words(actor=named(actor), reason=reason)
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            current = self._lock(uow, actor, now)
            workers_file.refuse_another(uow.session, self._files)
            before, override = self._build(current), _overrides(current)
            wished = checked(changes, unset, override)
            override |= {p: v for p, v in wished.items() if v != plain(before.value(p))}
            for path in unset:
                del override[path]
            after = self._files.build(override)
            made = differences(before, after, unset=unset)
            if not made:
                raise Refused("nothing would change: these values are in force", code="no_change")
            direction = direction_of(made)
            loosens = direction is not Direction.TIGHTENING
            if loosens and not binding.is_free(uow.session, self._settings):
                require(actor, Power.LOOSEN_LIMITS, "loosening limits")
            waits = loosens and binding.needs_second_person(uow.session, self._settings)
            row = self._row(made, override, direction, actor, reason, now)
            if waits:
                row.state = VersionState.PROPOSED
                uow.session.add(row)
                uow.session.flush()
                self._audit(uow, configurations.PROPOSED, row, actor, now)
                ineffective: tuple[str, ...] = ()
            else:
                ineffective = self._activate(uow, current, row, actor, now)
            uow.commit()
        return version_of(row, ineffective)

    def approve(self, version_id: int, *, actor: Actor) -> Version:
        """Approves a version as a second person; it acts from now on. Raises NotAuthorised for the
        first person."""
        _require_words(actor=named(actor))
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            current = self._lock(uow, actor, now)
            workers_file.refuse_another(uow.session, self._files)
            row = self._pending(uow, version_id)
            require(actor, Power.APPROVE_LIMITS, f"approving version {version_id}")
            _require_second(named(actor), row)
            override = self._rebase(row, current)
            self._files.build(override)
            row.override = override
            row.approved_by = named(actor)
            ineffective = self._activate(uow, current, row, actor, now)
            uow.commit()
        return version_of(row, ineffective)

    def reject(self, version_id: int, *, actor: Actor, reason: str) -> Version:
        """Ends a proposal. An operator with the power to propose may reject, by name, because it
        undoes an operator's act."""
        _require_words(actor=named(actor), reason=reason)
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            self._lock(uow, actor, now)
            row = self._pending(uow, version_id)
            if not binding.is_free(uow.session, self._settings):
                require(actor, Power.LOOSEN_LIMITS, f"rejecting version {version_id}")
            row.state, row.actor, row.changed_at = VersionState.REJECTED, named(actor), now
            self._audit(uow, "config_rejected", row, actor, now, why=reason)
            uow.commit()
        return version_of(row)

    def self_test(self) -> tuple[str, ...]:
        """Runs the self-test on the limits in force. Ineffective limits halt trading and are
        returned by name."""
        problems = self._prove(limits_of(self.current()))
        if halt_on_ineffective(self._db, self._clock, problems):
            seal(self._db, self._clock)
        return problems

    def _lock(self, uow: UnitOfWork, actor: Actor, now: datetime) -> ConfigVersionRow | None:
        """Locks the version in force; every other change waits until this one is over.

        Raises WrongIdentity when the settings are not the database's.
        """
        binding.refuse_another(uow.session, self._settings)
        states.lock_state(
            uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=now, actor=named(actor)
        )
        return version_in_force(uow.session, self._files.environment, self._files.mode)

    def _build(self, row: ConfigVersionRow | None) -> MLRiskConfig:
        if row is None:
            return self._files.build()
        return self._files.build(verified_override(row), row.id)

    def _ours(self, row: ConfigVersionRow | None, version_id: int) -> ConfigVersionRow:
        here = (self._files.environment, self._files.mode)
        if row is None or (row.environment, row.mode) != here:
            raise Refused(
                f"there is no version {version_id} of {here[0]}, {here[1]}", code="unknown_version"
            )
        return row

    def _pending(self, uow: UnitOfWork, version_id: int) -> ConfigVersionRow:
        row = self._ours(configurations.version(uow.session, version_id, lock=True), version_id)
        if row.state != VersionState.PROPOSED:
            raise Refused(f"version {version_id} is {row.state} already", code="not_pending")
        verified_proposal(uow.session, row)
        return row

    def _rebase(self, row: ConfigVersionRow, current: ConfigVersionRow | None) -> dict[str, Any]:
        """The proposal's changes over the version in force, if the proposal was made for it."""
        in_force, override = self._build(current), _overrides(current)
        moved = [
            f"{change.path} was {change.before} when it was proposed and is "
            f"{plain(in_force.value(change.path))} now"
            for change in row.changes
            if plain(in_force.value(change.path)) != change.before
        ]
        if moved:
            raise Refused(
                f"version {row.id} was made for other limits: {'; '.join(moved)}; propose it again",
                code="outdated_proposal",
            )
        for change in row.changes:
            if change.unset:
                override.pop(change.path, None)
            else:
                override[change.path] = change.after
        return override

    def _row(
        self,
        made: Sequence[ValueChange],
        override: dict[str, Any],
        direction: Direction,
        actor: Actor,
        reason: str,
        now: datetime,
    ) -> ConfigVersionRow:
        environment, mode = self._files.environment, self._files.mode
        return ConfigVersionRow(
            created_at=now,
            changed_at=now,
            environment=environment,
            mode=mode,
            changes=tuple(made),
            override=override,
            direction=direction,
            actor=named(actor),
            proposed_by=named(actor),
            approved_by=None,
            reason=reason,
            sha256=configurations.digest(environment, mode, override),
        )

    def _activate(
        self,
        uow: UnitOfWork,
        current: ConfigVersionRow | None,
        row: ConfigVersionRow,
        actor: Actor,
        now: datetime,
    ) -> tuple[str, ...]:
        """Puts a version in force; its self-test runs in the same commit, and a fault halts
        trading."""
        if current is not None:
            current.state, current.actor = VersionState.SUPERSEDED, named(actor)
            current.changed_at = now
            # The index allows one active version: the former has to go first.
            uow.session.flush()
        row.state, row.actor, row.changed_at = VersionState.ACTIVE, named(actor), now
        row.sha256 = configurations.digest(row.environment, row.mode, row.override)
        uow.session.add(row)
        uow.session.flush()
        self._audit(uow, configurations.CHANGED, row, actor, now)
        problems = self._prove(limits_of(self._files.build(row.override, row.id)))
        if halt_on_ineffective_in(uow, self._clock, problems):
            uow.after_commit(lambda: seal(self._db, self._clock))
        return problems

    def _audit(
        self,
        uow: UnitOfWork,
        kind: str,
        row: ConfigVersionRow,
        actor: Actor,
        now: datetime,
        *,
        why: str | None = None,
    ) -> None:
        record(
            uow,
            GLOBAL_CHAIN,
            kind,
            configurations.subject(row.id),
            actor,
            {
                "version": row.id,
                "environment": row.environment,
                "mode": row.mode,
                "changes": to_json(row.changes),
                "direction": str(row.direction),
                "proposed_by": row.proposed_by,
                "approved_by": row.approved_by,
                "reason": why or row.reason,
                "sha256": row.sha256,
            },
            now,
        )


def _overrides(row: ConfigVersionRow | None) -> dict[str, Any]:
    return {} if row is None else dict(row.override)


def _require_second(approver: str, row: ConfigVersionRow) -> None:
    """Raises NotAuthorised unless the proposal is of another operator with a login, or of a program
    of ours."""
    proposer = row.proposed_by
    if approver == proposer:
        raise NotAuthorised(
            f"version {row.id} loosens limits and was proposed by {proposer}: "
            "a second person has to approve it"
        )
    if not claims_operator(proposer) and proposer not in list(Program):
        raise NotAuthorised(
            f"version {row.id} was proposed by {proposer}, without an operator's login: propose "
            "it again"
        )


def _require_words(**given: str) -> None:
    missing = [name for name, value in given.items() if not value.strip()]
    if missing:
        raise Refused(f"a change of the limits needs: {', '.join(missing)}", code="no_reason")
