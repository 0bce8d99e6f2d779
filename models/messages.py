"""Messages of strategies: their schema, with refusals by field name."""

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    Strict,
    StringConstraints,
    ValidationError,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)
from pydantic_core import PydanticCustomError

from models.backup import BackupPlan
from models.enums import Algorithm, ExecutionPriority, TradeSide
from models.plain import exits_gaps_as_nothing, first_gaps_as_nothing, plainly, said_once

_PLAIN_NUMBER = re.compile(r"-?\d{1,20}(\.\d{1,18})?", re.ASCII)
"""A row keeps 20 digits before the point and 18 after it."""
_PLAIN_NUMBER_SCHEMA = r"^-?\d{1,20}(\.\d{1,18})?$"
_MONEY_BOUND = Decimal(10) ** 12
"""Divided by a price of 10^-8 it is still a quantity that a row keeps."""
MAX_METADATA_BYTES = 4096
_WRITABLE_DIGITS = 100
_SCORE_BOUND = 1e16
"""The size from which a float no longer distinguishes whole numbers."""


def parse_plain_decimal(value: object) -> Decimal:
    """A number in plain digits as Decimal; floats count as their shortest decimal text.

    Exponents, NaN, infinities, booleans, blanks and signs other than a leading minus are refused,
    so that the number is exactly as a person reads it in the message.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal):
        raise ValueError("must be a number in plain decimal digits")
    text = _digits(value)
    if not _PLAIN_NUMBER.fullmatch(text):
        raise ValueError(
            "must be a finite number in plain decimal digits, at most 20 before the point and 18 "
            "after it (no exponent, NaN or infinity)"
        )
    return Decimal(text)


def _digits(value: str | int | float | Decimal) -> str:
    """The judged text; empty for a value that is too large to be written."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        writable = value.is_finite() and abs(value.adjusted()) < _WRITABLE_DIGITS
        return format(value, "f") if writable else ""
    if isinstance(value, int):
        return repr(value) if value.bit_length() < _WRITABLE_DIGITS else ""
    # Of numpy's floats, which are floats too, `repr` names their type.
    return float.__repr__(value)


def _parse_score(value: object) -> float:
    """A finite number. A float counts as it is, with any number of digits; the rule of plain digits
    is for money, and here for text."""
    if isinstance(value, float):
        if not abs(value) < _SCORE_BOUND:
            raise ValueError(f"must be a finite number below {_SCORE_BOUND:g} (no NaN or infinity)")
        return float(value)
    return float(parse_plain_decimal(value))


def _parse_time(value: object) -> datetime:
    if isinstance(value, datetime):
        # Only Python callers can pass one; the original interface takes a naive one as local time.
        return _in_utc(value)
    if isinstance(value, str):
        try:
            parsed = datetime.fromisoformat(value)
        except ValueError as error:
            raise ValueError("must be an ISO 8601 time") from error
    else:
        raise ValueError("must be an ISO 8601 time")
    if parsed.utcoffset() is None:
        raise ValueError("must carry a time zone (for example a trailing Z)")
    return _in_utc(parsed)


def _in_utc(value: datetime) -> datetime:
    try:
        return value.astimezone(UTC)
    except (OverflowError, ValueError) as error:
        raise ValueError("must be a time within the years 1 to 9999 of UTC") from error


def _positive(value: Decimal) -> Decimal:
    if value <= 0:
        raise ValueError("must be greater than 0")
    if value >= _MONEY_BOUND:
        raise ValueError(f"must be below {_MONEY_BOUND:f}")
    return value


_MONEY_SCHEMA = WithJsonSchema(
    {
        "anyOf": [{"type": "string", "pattern": _PLAIN_NUMBER_SCHEMA}, {"type": "number"}],
        "description": "plain decimal digits; a string keeps every digit",
    }
)
PlainDecimal = Annotated[Decimal, BeforeValidator(parse_plain_decimal), _MONEY_SCHEMA]
PositiveDecimal = Annotated[
    Decimal, BeforeValidator(parse_plain_decimal), AfterValidator(_positive), _MONEY_SCHEMA
]
Share = Annotated[float, BeforeValidator(_parse_score), Field(ge=0, le=1)]
PositiveShare = Annotated[float, BeforeValidator(_parse_score), Field(gt=0, le=1)]
Seconds = Annotated[float, BeforeValidator(_parse_score), Field(ge=0, le=86_400)]
VolumeShare = Annotated[float, BeforeValidator(_parse_score), Field(ge=0)]
Score = Annotated[float, BeforeValidator(_parse_score)]
UtcTime = Annotated[
    datetime,
    BeforeValidator(_parse_time),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Identifier = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_.:\-]+$")
]
Symbol = Annotated[str, StringConstraints(min_length=2, max_length=32, pattern=r"^[A-Z0-9]+$")]


_IDENTIFIER = re.compile(r"[A-Za-z0-9_.:\-]{1,64}")


def is_identifier(value: str) -> bool:
    """Whether a message may use this name for an account, a strategy or itself."""
    return _IDENTIFIER.fullmatch(value) is not None


def _storable_text(value: str) -> str:
    """Refuses characters that no JSONB column holds: NUL and lone surrogates."""
    if "\x00" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise ValueError("must not hold NUL or lone surrogates")
    return value


def _small_and_storable(metadata: dict[str, Any]) -> dict[str, Any]:
    """Metadata is free, but it must be plain JSON, small, and name its scopes properly."""
    try:
        text = json.dumps(metadata, allow_nan=False, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError("must be plain JSON without NaN or infinity") from error
    if "\\u0000" in text:
        raise ValueError("must not hold NUL")
    _storable_text(text)
    if len(text.encode()) > MAX_METADATA_BYTES:
        raise ValueError(f"must stay under {MAX_METADATA_BYTES} bytes")
    for key in ("account", "strategy"):
        value = metadata.get(key)
        if value is not None and not (isinstance(value, str) and is_identifier(value)):
            raise ValueError(f"{key} must be 1 to 64 characters of A-Z a-z 0-9 _ . : -")
    return metadata


FeatureName = Annotated[
    str, StringConstraints(min_length=1, max_length=64), AfterValidator(_storable_text)
]


ParameterValue = Annotated[
    Annotated[bool, Strict()]
    | Annotated[str, Strict(), StringConstraints(max_length=64), AfterValidator(_storable_text)]
    | Score,
    Field(union_mode="left_to_right"),
]


class Message(BaseModel):
    """The base of every message: frozen, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SignalData(Message):
    """The trade that the strategy wants."""

    position_size: PositiveDecimal = Field(description="The notional of the trade. Unit: USDT.")
    side: TradeSide | None = Field(
        default=None, description="The side once more. It must be the request's side."
    )
    reduce_only: bool = Field(
        default=False,
        strict=True,
        description=("The trade only reduces: it never opens a position or turns one around."),
    )
    algorithm: Algorithm | None = Field(
        default=None, description=("The algorithm. Without it mlrisk chooses one.")
    )
    horizon_seconds: Annotated[float, BeforeValidator(_parse_score)] | None = Field(
        default=None,
        gt=0,
        le=86_400,
        description=("The time over which the trade is spread. Unit: seconds."),
    )
    interval_seconds: Annotated[float, BeforeValidator(_parse_score)] | None = Field(
        default=None, gt=0, le=86_400, description="The time between two slices. Unit: seconds."
    )
    limit_price: PositiveDecimal | None = Field(
        default=None, description="The worst price of the trade."
    )
    stop_price: PositiveDecimal | None = Field(
        default=None,
        description=(
            "The price at which the strategy ends the trade. The loss at this price "
            "counts as its risk. The position is closed there when it is tighter than "
            "`position_monitoring.stop_loss`."
        ),
    )
    volume_curve: tuple[VolumeShare, ...] = Field(
        default=(),
        max_length=1440,
        description=("For vwap: the expected volume of each slot of equal length."),
    )
    risk_aversion: VolumeShare | None = Field(
        default=None,
        description=("For implementation_shortfall: the lambda of Almgren and Chriss."),
    )
    start: Literal["at_once", "mid_slot"] = Field(
        default="at_once",
        description=(
            "For twap: whether slices go out at the start or in the middle of their slots."
        ),
    )
    size_distortion: Annotated[float, BeforeValidator(_parse_score), Field(ge=0, lt=1)] = Field(
        default=0.0,
        description=("For twap and iceberg: how much the sizes vary. Unit: share of the size."),
    )
    time_distortion: Annotated[float, BeforeValidator(_parse_score), Field(ge=0, le=0.5)] = Field(
        default=0.0, description=("For twap: how much the times vary. Unit: share of the interval.")
    )
    volume_model: Literal["static", "dynamic", "learned"] | None = Field(
        default=None,
        description=(
            "For vwap, in place of a curve: the model, which `mlrisk volume train` trains."
        ),
    )
    participation_rate: PositiveShare | None = Field(
        default=None, description="For pov: the largest share of the traded volume."
    )
    min_participation_rate: Share | None = Field(
        default=None,
        description=(
            "For pov: the smallest share of the traded volume. Between "
            "both shares the trade follows the clock."
        ),
    )
    display_size: PositiveDecimal | None = Field(
        default=None, description="For iceberg: the notional of the visible child. Unit: USDT."
    )
    improve_after: Share | None = Field(
        default=None,
        description=("For passive: how long it stays at the touch. Unit: share of the horizon."),
    )
    cross_margin_seconds: Seconds | None = Field(
        default=None,
        description=(
            "For passive: how long before the deadline it crosses the spread. Unit: seconds."
        ),
    )
    requote_seconds: Seconds | None = Field(
        default=None,
        description=("For passive: the shortest time that a child rests. Unit: seconds."),
    )
    parameters: dict[Identifier, ParameterValue] = Field(
        default_factory=dict,
        max_length=16,
        description="Further parameters of an added algorithm, by its own names.",
    )
    backup_plan: BackupPlan | None = Field(
        default=None,
        description=(
            "The fallback policy: the steps after a failed child order, for each class of failure."
        ),
    )
    signal_strength: Score | None = None

    @model_validator(mode="after")
    def _rates_are_in_order(self) -> Self:
        if self.reduce_only:
            return self  # No form stops an exit: an exit that doesn't fit is planned as immediate.
        least, most = self.min_participation_rate, self.participation_rate
        if least is not None and most is not None and least > most:
            raise ValueError("min_participation_rate must not exceed participation_rate")
        return self

    @model_validator(mode="after")
    def _interval_fits_horizon(self) -> Self:
        if (
            not self.reduce_only
            and self.horizon_seconds is not None
            and self.interval_seconds is not None
            and self.interval_seconds > self.horizon_seconds
        ):
            raise ValueError("interval_seconds must not exceed horizon_seconds")
        return self

    @model_validator(mode="after")
    def _vwap_has_its_curve(self) -> Self:
        if self.algorithm is not Algorithm.VWAP or self.reduce_only:
            return self
        if any(self.volume_curve) == (self.volume_model is not None):
            raise ValueError(
                "vwap needs a volume_curve with at least one share above 0 or a volume_model, "
                "and not both"
            )
        return self


class MLPredictions(Message):
    """The model's statements about its own prediction. Absent values deny entries."""

    confidence: Share | None = None
    uncertainty: Share | None = None
    ensemble_agreement: Share | None = None
    prediction_stability: Share | None = None
    feature_importance: dict[FeatureName, Share] = Field(default_factory=dict, max_length=256)
    member_probabilities: tuple[Share, ...] = Field(default=(), max_length=256)
    model_version: Identifier | None = None
    predicted_at: UtcTime | None = None
    stability: Share | None = Field(
        default=None, description="Another name of prediction_stability. Give one of them."
    )
    feature_importance_score: Share | None = Field(
        default=None, description="One score in place of feature_importance."
    )

    _once = field_validator("stability", "feature_importance_score")(said_once)


class RequestMarketData(Message):
    """The strategy's own figures of market and portfolio, which are stored and compared. The gate
    decides on its own data."""

    price: PositiveDecimal | None = None
    spread_bps: Score | None = None
    volatility: Score | None = None
    volume_24h: PlainDecimal | None = None
    timestamp: UtcTime | None = None
    volume: PlainDecimal | None = Field(
        default=None, description=("Another name of volume_24h. Give one of them.")
    )
    portfolio_value: PositiveDecimal | None = None
    returns: Annotated[tuple[Score | None, ...], BeforeValidator(first_gaps_as_nothing)] = Field(
        default=(), max_length=5000, description="Daily returns, oldest first. Null is a gap."
    )

    _once = field_validator("volume")(said_once)


class MLTradeRequest(Message):
    """The one message of a strategy to mlrisk, sent to `validate_and_execute`."""

    request_id: Identifier = Field(
        description="The id, unique in its strategy for ever. The same id is the same request."
    )
    symbol: Symbol
    side: TradeSide
    signal_data: SignalData
    ml_predictions: MLPredictions
    market_data: RequestMarketData = Field(default_factory=RequestMarketData)
    priority: ExecutionPriority = ExecutionPriority.NORMAL
    created_at: UtcTime | None = Field(
        default=None,
        description=(
            "The time of the request. Default: its receipt, without the earlier time in a queue."
        ),
    )
    expires_at: UtcTime | None = None
    metadata: Annotated[dict[str, Any], AfterValidator(_small_and_storable)] = Field(
        default_factory=dict,
        description="Free fields of the strategy. `account` and `strategy` name the scopes.",
    )

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, raw: Any) -> Any:
        return exits_gaps_as_nothing(plainly(raw))

    @field_validator("signal_data")
    @classmethod
    def _sides_agree(cls, signal: SignalData, info: ValidationInfo) -> SignalData:
        side = info.data.get("side")
        if signal.side is None or side is None or signal.side is side:
            return signal
        wrong = PydanticCustomError(
            "side",
            "is {signal}, but the request's side is {side}",
            {"signal": signal.side.value, "side": side.value},
        )
        raise ValidationError.from_exception_data(
            "signal_data", [{"type": wrong, "loc": ("side",), "input": signal.side.value}]
        )

    @property
    def account(self) -> str | None:
        """The account that the metadata names; None when it names none."""
        return self.metadata.get("account")

    @property
    def strategy(self) -> str:
        """The strategy that the metadata names. Default: `default`."""
        return str(self.metadata.get("strategy", "default"))


def money_fields(kind: Any) -> tuple[str, ...]:
    """The fields of a part of a message that hold money."""
    schema: dict[str, Any] = kind.model_json_schema(mode="validation")
    return tuple(
        name
        for name, said in schema["properties"].items()
        if json.dumps(_PLAIN_NUMBER_SCHEMA) in json.dumps(said)
    )


def request_schema() -> dict[str, Any]:
    """The published JSON Schema of the message."""
    schema = MLTradeRequest.model_json_schema(mode="validation")
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    return schema
