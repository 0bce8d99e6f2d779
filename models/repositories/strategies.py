"""Stages of strategies: a row each, and in the audit the entry that set it.

A row alone proves nothing, as `models.repositories.safety.states` says of trading states. A row
whose stage or epoch differs from its newest entry counts as SHADOW, and so does a row that is gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from config.identity import ExchangeMode
from models.enums import StrategyStage
from models.tables import StrategyRow

STAGED = "strategy_stage"
"""The kind of an entry that sets a stage. `STAGE` and the index have it as a literal."""
_PRETENDED = (ExchangeMode.PAPER, ExchangeMode.DEMO)
"""The exchanges on which the stage paper sends."""

STAGE = """
    SELECT 'stage', ARRAY[own.stage, said.stage, (SELECT mode FROM account_binding)],
        ARRAY[own.epoch::numeric, said.epoch, own.max_trade_notional, own.max_exposure],
        NULL::timestamptz
      FROM (VALUES (CAST(:strategy AS text))) AS asked (name)
      LEFT JOIN strategy AS own ON own.name = asked.name
      LEFT JOIN LATERAL (
        SELECT payload ->> 'stage' AS stage, (payload ->> 'epoch')::numeric AS epoch
          FROM audit_entry
          WHERE kind = 'strategy_stage' AND subject = 'strategy:' || asked.name
          ORDER BY seq DESC LIMIT 1
      ) AS said ON true
"""
"""The stage of one strategy, as one part of the statements of claims and decisions."""
EXPOSURE = """
    SELECT 'stage_exposure', NULL, ARRAY[(
        SELECT CASE WHEN bool_or(coalesce(held.mark_price, held.entry_price) IS NULL)
            THEN NULL ELSE coalesce(sum(abs(share.filled_qty + share.taken_qty)
              * coalesce(held.mark_price, held.entry_price)), 0) END
          FROM strategy_share AS share
          LEFT JOIN position AS held USING (account, symbol)
          WHERE share.account = :account AND share.strategy = :strategy
            AND share.filled_qty + share.taken_qty <> 0)], NULL
      FROM strategy AS own WHERE own.name = :strategy AND own.max_exposure IS NOT NULL
"""
"""The value of the open shares of a strategy with a cap on it, by the exchange's marks; NULL where
a price is missing."""
_ALONE = text(STAGE)


@dataclass(frozen=True, slots=True)
class KnownStage:
    """The stage of a strategy by its row and the audit."""

    stage: StrategyStage | None
    """None for a strategy without a row."""
    epoch: int
    real_money: bool
    """Whether the account may hold real money; an account without a binding counts so."""
    reason: str = ""
    """How the row differs from the audit; empty when it agrees."""
    max_trade_notional: Decimal | None = None
    max_exposure: Decimal | None = None


UNKNOWN = KnownStage(None, 0, real_money=True)


def subject_of(name: str) -> str:
    """How audit entries name a strategy."""
    return f"strategy:{name}"


def of_facts(words: Sequence[str | None], numbers: Sequence[Decimal | None]) -> KnownStage:
    """The stage out of a statement that read it with other rows."""
    stage, said, mode = words
    epoch, said_epoch, largest, most = numbers
    reason = _contradiction(stage, epoch, said, said_epoch)
    held = StrategyStage.SHADOW
    return KnownStage(
        held if reason else None if stage is None else StrategyStage(stage),
        int(max(epoch or 0, said_epoch or 0)),
        mode not in _PRETENDED,
        reason,
        largest,
        most,
    )


def stage_of(session: Session, strategy: str) -> KnownStage:
    """The strategy's stage now."""
    _, words, numbers, _ = session.execute(_ALONE, {"strategy": strategy}).one()
    return of_facts(words, numbers)


def named(session: Session, name: str, *, lock: bool = False) -> StrategyRow | None:
    """The strategy's row; None for an unknown one."""
    return session.get(StrategyRow, name, with_for_update=lock or None, populate_existing=lock)


def all_rows(session: Session) -> Sequence[StrategyRow]:
    """Every strategy with a row, by name."""
    return session.scalars(select(StrategyRow).order_by(StrategyRow.name)).all()


def _contradiction(
    stage: str | None, epoch: Decimal | None, said: str | None, said_epoch: Decimal | None
) -> str:
    if stage is None and said is None:
        return ""
    if stage is None:
        return f"the strategy's row is gone, and the audit says {said}"
    if (stage, epoch) == (said, said_epoch) and stage in list(StrategyStage):
        return ""
    return f"the strategy's row says {stage} (epoch {epoch}), and the audit says {said}"
