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


class Streams:
    """What is known of each stream in one transaction, read once and kept up to date.

    A stream may have thousands of lanes, where its predictions are made far more often than their
    horizons end.
    """

    def __init__(self, session: Session, account: str, *, live_since: datetime) -> None:
        self._session = session
        self._account = account
        self._live_since = live_since
        self._live: int | None = None
        self._last: dict[Stream, datetime | None] = {}
        self._lanes: dict[Stream, list[ModelLaneRow]] = {}

    @property
    def live(self) -> int:
        """How many streams have had a prediction since `live_since`."""
        if self._live is None:
            self._live = live_streams(self._session, self._account, self._live_since)
        return self._live

    def last(self, stream: Stream) -> datetime | None:
        """When the stream's newest noted prediction was made."""
        if stream not in self._last:
            self._last[stream] = last_of(self._session, self._account, stream)
        return self._last[stream]

    def lanes(self, stream: Stream) -> list[ModelLaneRow]:
        """The stream's lanes, locked, by their number. The caller appends new ones."""
        if stream not in self._lanes:
            self._lanes[stream] = lanes_of(self._session, self._account, stream)
        return self._lanes[stream]

    def note(self, stream: Stream, at: datetime) -> None:
        """Takes a prediction of the stream into account."""
        live, last = self.live, self.last(stream)
        if last is None or last <= self._live_since < at:
            self._live = live + 1
        self._last[stream] = at if last is None else max(last, at)
