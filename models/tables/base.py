"""What all tables share: how Python's types are stored."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import BigInteger, Boolean, DateTime, Numeric
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase

from models.text import StorableText

# Wide enough for every instrument of the exchange: 18 decimals, values below 10^20.
Money = Numeric(38, 18)
Utc = DateTime(timezone=True)


class Base(DeclarativeBase):
    """The base of every table: which column type stands for which Python type."""

    type_annotation_map = {  # noqa: RUF012 - SQLAlchemy's declared interface
        Decimal: Money,
        datetime: Utc,
        dict[str, Any]: JSONB,
        list[Any]: JSONB,
        str: StorableText,
        int: BigInteger,
        bool: Boolean,
    }
