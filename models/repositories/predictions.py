"""Queries on predictions and on the bets against them."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from models.tables import ModelLaneRow, PredictionRow, TradeRequestRow

Stream = tuple[str, str, str]
"""Strategy, model version, symbol."""


def newly_asked(
    session: Session, account: str, since: datetime, limit: int
) -> Sequence[TradeRequestRow]:
    """Requests received since then whose prediction is not noted yet, oldest first."""
    noted = select(PredictionRow.request_id).where(
        PredictionRow.request_id == TradeRequestRow.request_id
    )
    return session.scalars(
        select(TradeRequestRow)
        .where(
            TradeRequestRow.account == account,
            TradeRequestRow.received_at > since,
            TradeRequestRow.payload["ml_predictions"]["confidence"].astext.is_not(None),
            func.coalesce(TradeRequestRow.payload["signal_data"]["reduce_only"].astext, "false")
            != "true",
            ~noted.exists(),
        )
        .order_by(TradeRequestRow.received_at, TradeRequestRow.request_id)
        .limit(limit)
    ).all()


def last_of(session: Session, account: str, stream: Stream) -> datetime | None:
    """When the stream's newest noted prediction was made."""
    strategy, version, symbol = stream
    return session.scalar(
        select(func.max(PredictionRow.predicted_at)).where(
            PredictionRow.account == account,
            PredictionRow.strategy == strategy,
            PredictionRow.model_version == version,
            PredictionRow.symbol == symbol,
        )
    )


def live_streams(session: Session, account: str, since: datetime) -> int:
    """How many streams have had a prediction since then."""
    streams = (
        select(PredictionRow.strategy, PredictionRow.model_version, PredictionRow.symbol)
        .where(PredictionRow.account == account, PredictionRow.predicted_at > since)
        .distinct()
        .subquery()
    )
    return session.scalar(select(func.count()).select_from(streams)) or 0


def lanes_of(session: Session, account: str, stream: Stream) -> list[ModelLaneRow]:
    """The stream's lanes, locked, by their number."""
    strategy, version, symbol = stream
    return list(
        session.scalars(
            select(ModelLaneRow)
            .where(
                ModelLaneRow.account == account,
                ModelLaneRow.strategy == strategy,
                ModelLaneRow.model_version == version,
                ModelLaneRow.symbol == symbol,
            )
            .order_by(ModelLaneRow.lane)
            .with_for_update()
        )
    )


def waiting(session: Session, account: str, now: datetime, limit: int) -> Sequence[PredictionRow]:
    """Predictions whose outcome can be known by now and is not noted, oldest first."""
    return session.scalars(
        select(PredictionRow)
        .where(
            PredictionRow.account == account,
            PredictionRow.settled_at.is_(None),
            PredictionRow.known_at <= now,
        )
        .order_by(PredictionRow.known_at, PredictionRow.request_id)
        .limit(limit)
    ).all()


def unsettled(session: Session, request_ids: Collection[str]) -> Sequence[PredictionRow]:
    """Those of the predictions that are not settled meanwhile, in the order of their outcomes;
    locked."""
    return session.scalars(
        select(PredictionRow)
        .where(PredictionRow.request_id.in_(request_ids), PredictionRow.settled_at.is_(None))
        .order_by(PredictionRow.known_at, PredictionRow.request_id)
        .with_for_update()
    ).all()
