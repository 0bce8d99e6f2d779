"""Counts of rows, kept by triggers."""

from sqlalchemy import Identity
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.base import Base


class TallyRow(Base):
    """The number of a table's rows with one value, as far as `tally_change` was folded."""

    __tablename__ = "tally"
    name: Mapped[str] = mapped_column(primary_key=True)
    """The table with the counted rows."""
    value: Mapped[str] = mapped_column(primary_key=True)
    """The value of a row's state, status, verdict or source."""
    count: Mapped[int]


class TallyChangeRow(Base):
    """One change of a count, written by a trigger in the transaction that changed the rows.

    It is appended, so that writers never wait for each other; `tallies.fold` adds it up.
    """

    __tablename__ = "tally_change"
    change_id: Mapped[int] = mapped_column(Identity(always=True), primary_key=True)
    name: Mapped[str]
    value: Mapped[str]
    change: Mapped[int]
