"""Backup plans: a strategy's declared steps for failed child orders."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from config.vocabulary import BackupStep as BackupStep
from models.enums import Algorithm

MAX_STEPS = 8
"""The longest list of steps; a longer one outlives every deadline."""
_RISK_SWITCH = "cancel_on_risk_increase"


class FailureClass(StrEnum):
    """Why a child order ended without its fill, as far as the next step depends on it."""

    THROTTLED = "throttled"
    """The venue did not process it: a rate limit, a restart or our clock."""
    TIMEOUT = "timeout"
    """No answer in time, or a state of the venue that had to be looked up first."""
    PRICE = "price"
    """Its price was outside the venue's band, or would have crossed where it must not."""
    NO_LIQUIDITY = "no_liquidity"
    """The book held too little within its price."""
    MARGIN = "margin"
    """Funds, margin or a risk limit of the venue forbid its size."""
    REJECTED = "rejected"
    """Any other definite no to this one order."""
    SYMBOL = "symbol"
    """The symbol can't be traded now; exits may still be allowed."""
    FATAL = "fatal"
    """The account or our own configuration is wrong: a person is needed."""


_SHORT_NAMES = (*(step.value for step in BackupStep), _RISK_SWITCH)
_SHORT_FORM_CLASSES = (
    FailureClass.TIMEOUT,
    FailureClass.PRICE,
    FailureClass.NO_LIQUIDITY,
    FailureClass.MARGIN,
    FailureClass.REJECTED,
)
BackupSteps = Annotated[tuple[BackupStep, ...], Field(max_length=MAX_STEPS)]


class BackupPlan(BaseModel):
    """A strategy's steps by failure class; None leaves a class to the operator's configuration.

    The short form is a list of names, as in ["reduce_size", "cancel_on_risk_increase"]: its steps
    serve every class below except `throttled`, which a changed order can't cure. `symbol` and
    `fatal` have no steps: they stop.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    throttled: BackupSteps | None = None
    timeout: BackupSteps | None = None
    price: BackupSteps | None = None
    no_liquidity: BackupSteps | None = None
    margin: BackupSteps | None = None
    rejected: BackupSteps | None = None
    cancel_on_risk_increase: bool = Field(
        default=False,
        strict=True,
        description=(
            "The trade ends once the throttle would slow it. It can't switch off the "
            "operator's own rule."
        ),
    )
    fallback_algorithm: Literal[Algorithm.IMMEDIATE, Algorithm.PASSIVE] | None = Field(
        default=None,
        description=(
            "The algorithm of the step other_algorithm. Default: passive after a taker "
            "algorithm, immediate after a maker algorithm."
        ),
    )

    @model_validator(mode="before")
    @classmethod
    def _from_short_form(cls, value: Any) -> Any:
        return _expand(value) if isinstance(value, list | tuple) else value

    @field_validator("throttled", "timeout", "price", "no_liquidity", "margin", "rejected")
    @classmethod
    def _may_be_tried(cls, steps: BackupSteps | None) -> BackupSteps | None:
        if steps is not None:
            _require_steps(steps)
        return steps

    def steps_of(self, failure: FailureClass) -> tuple[BackupStep, ...] | None:
        """The declared steps of a class; None when the strategy left it open or can't set it."""
        return {
            FailureClass.THROTTLED: self.throttled,
            FailureClass.TIMEOUT: self.timeout,
            FailureClass.PRICE: self.price,
            FailureClass.NO_LIQUIDITY: self.no_liquidity,
            FailureClass.MARGIN: self.margin,
            FailureClass.REJECTED: self.rejected,
        }.get(failure)

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        short = {
            "type": "array",
            "items": {"enum": list(_SHORT_NAMES)},
            "minItems": 1,
            "maxItems": MAX_STEPS + 1,
        }
        return {"anyOf": [short, handler(core_schema)]}


def _require_steps(steps: Sequence[object]) -> None:
    if not steps:
        raise ValueError("must name at least one step")
    if len(steps) > MAX_STEPS:
        raise ValueError(f"must name at most {MAX_STEPS} steps")
    if BackupStep.STOP_AND_ALERT in steps[:-1]:
        raise ValueError("stop_and_alert must be the last step")


def _expand(names: Sequence[object]) -> dict[str, object]:
    """The fields that a short form stands for."""
    for position, name in enumerate(names, start=1):
        if name not in _SHORT_NAMES:
            raise ValueError(f"name {position} must be one of {', '.join(_SHORT_NAMES)}")
    steps = [name for name in names if name != _RISK_SWITCH]
    fields: dict[str, object] = {_RISK_SWITCH: _RISK_SWITCH in names}
    if steps or not names:
        _require_steps(steps)
        fields.update({failure.value: steps for failure in _SHORT_FORM_CLASSES})
    return fields
