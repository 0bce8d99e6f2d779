"""The base of all tables: how Python's types are stored."""

from collections.abc import Hashable, Mapping
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Any, ClassVar

from sqlalchemy import BigInteger, Boolean, DateTime, Numeric, event
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, QueryableAttribute

from models.documents.lease import Judged
from models.documents.limits import ValueChange
from models.documents.orders import Arrival, FallbackProgress, Throttle, VolumeMark
from models.enums import (
    AlertLevel,
    AlertNews,
    AlertState,
    Algorithm,
    BreakerAction,
    BreakerSide,
    ChildState,
    Direction,
    EndCause,
    ExecutionPriority,
    ExecutionStatus,
    NotValued,
    OperatorRole,
    OrderStatus,
    OverrideAction,
    ParentState,
    RecoveryPhase,
    ReservationState,
    SoftHold,
    StopState,
    StrategyStage,
    Style,
    TokenKind,
    TradeSide,
    TradingState,
    ValueEnd,
    VenueReason,
    Verdict,
    VersionState,
)
from models.stored_documents import StoredDocument
from models.stored_enums import StoredEnum
from models.text import StorableText

# Wide enough for every instrument of the exchange: 18 decimals, values below 10^20.
Money = Numeric(38, 18)
Utc = DateTime(timezone=True)


_VOCABULARIES: tuple[type[StrEnum], ...] = (
    AlertLevel,
    AlertNews,
    AlertState,
    Algorithm,
    BreakerAction,
    BreakerSide,
    ChildState,
    Direction,
    EndCause,
    ExecutionPriority,
    ExecutionStatus,
    NotValued,
    OperatorRole,
    OrderStatus,
    OverrideAction,
    ParentState,
    RecoveryPhase,
    ReservationState,
    SoftHold,
    StopState,
    StrategyStage,
    Style,
    TokenKind,
    TradeSide,
    ValueEnd,
    VenueReason,
    Verdict,
    VersionState,
)
"""The vocabularies that columns store as their words."""
_DOCUMENTS: tuple[Hashable, ...] = (
    Arrival,
    FallbackProgress,
    Throttle,
    VolumeMark,
    tuple[Judged, ...],
    tuple[ValueChange, ...],
    tuple[str, ...],
    Mapping[str, Decimal],
)
"""The documents that columns store as JSON."""


class Base(DeclarativeBase):
    """The base of every table, with the column type of each Python type."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        Decimal: Money,
        datetime: Utc,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: StorableText,
        int: BigInteger,
        bool: Boolean,
        **{vocabulary: StoredEnum(vocabulary) for vocabulary in _VOCABULARIES},
        TradingState: StoredEnum(TradingState, unknown=TradingState.HALTED),
        **{document: StoredDocument(document) for document in _DOCUMENTS},
    }


@event.listens_for(Base, "attribute_instrument", propagate=True)
def _hold_members(table: type[Base], name: str, attribute: QueryableAttribute[Any]) -> None:
    """Makes a row hold members from the moment of setting, not only after it was read again."""
    del table, name
    stored = attribute.property.columns[0].type if hasattr(attribute.property, "columns") else None
    if isinstance(stored, StoredEnum):
        event.listen(attribute, "set", partial(_member, stored.vocabulary), retval=True)


def _member(vocabulary: type[StrEnum], _row: Base, value: str | None, *_: object) -> StrEnum | None:
    return None if value is None else vocabulary(value)
