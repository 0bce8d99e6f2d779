"""The interface of an algorithm: its count of children, its plan or its steps, and its needs.

Each module of this folder that is named like a member of `Algorithm` has one `ALGORITHM`, made of
the classes here; `table.ALGORITHMS` has them all.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from bot.errors import Infeasible
from bot.execution.algorithms.base import LotRules, Schedule
from bot.execution.algorithms.stepping import Stepper, Terms
from bot.execution.algorithms.volume_forecast import VolumeForecast
from bot.execution.algorithms.wish import Market, Wish

ONE = Decimal(1)
MAX_CHILDREN = 1_000_000
"""A count beyond every limit; larger counts are cut to it."""
STEP_INTERVAL_SECONDS = 1.0
"""The usual interval between two children of a stepped trade, in seconds."""


class Parameters(BaseModel):
    """Parameters of one algorithm alone, in a message's `signal_data.parameters`.

    A subclass in the algorithm's module declares them; unknown names are refused.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


P = TypeVar("P", bound=Parameters)


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """An approved trade on its way to a plan. Quantities are in base units, prices in quote."""

    wish: Wish
    qty: Decimal
    price: Decimal
    """The decision's reference price."""
    worst: Decimal
    """The lowest price of any child, at which the venue counts the child's worth."""
    rules: LotRules
    reduce_only: bool
    horizon_seconds: float
    interval_seconds: float
    max_slices: int
    market: Market | None = None
    max_catch_up: Decimal = ONE
    """The largest quantity that may be late at once, in planned slices."""
    participation_cap: Decimal | None = None
    """The largest share of the traded volume that is ours, by the configuration; None means no
    cap."""

    def parameters(self, kind: type[P]) -> P:
        """The algorithm's own parameters. Raises Infeasible with the name of one that is wrong."""
        try:
            return read_parameters(kind, self.wish)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            name = ".".join(str(part) for part in first["loc"])
            raise Infeasible(f"parameters.{name}: {first['msg']}") from None


def read_parameters(kind: type[P], wish: Wish) -> P:
    """Reads the message's parameters by their model. Raises pydantic's ValidationError."""
    return kind.model_validate_json(wish.options.parameters or "{}")


@dataclass(frozen=True, slots=True)
class Planned:
    """A schedule, the stored parameters that explain it, and the time that it may take."""

    schedule: Schedule
    params: dict[str, Any]
    """Plain JSON."""
    horizon_seconds: float


@dataclass(frozen=True, slots=True)
class ThrottleFactors:
    """How risk changes the work: `speed` slows or hurries it, `size` shrinks each child."""

    speed: Decimal = ONE
    size: Decimal = ONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """The inputs of a stepper, which is made anew for each step."""

    params: Mapping[str, Any]
    """The parameters that `AlgorithmSpec.stored` made, as the parent's row keeps them."""
    terms: Terms
    total: Decimal
    """The parent's quantity, in base units."""
    pace: ThrottleFactors = field(default_factory=ThrottleFactors)
    forecast: VolumeForecast | None = None


class Need(Enum):
    """The data that a plan needs. mlrisk chooses an algorithm only where its data are known."""

    VOLUME_FORECAST = "a volume curve or a volume model"
    TRADE_COUNT = "a count of the market's trades"
    COSTS = "the spread, the volatility and the volume of 24 hours"


def _one_second(horizon_seconds: float) -> float:
    return min(STEP_INTERVAL_SECONDS, horizon_seconds)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlgorithmSpec:
    """One algorithm. It has a `plan`, or `stored` and a `stepper`, or all three."""

    children: Callable[[Wish], int]
    """The number of children of the trade. The gate bounds this number and each child."""
    plan: Callable[[Order], Planned] | None = None
    """Makes the plan. Raises Infeasible with the name of the parameter that allows no schedule."""
    stored: Callable[[Order], dict[str, Any]] | None = None
    """Makes the stored parameters of a stepped trade: plain JSON with all that `stepper` needs."""
    stepper: Callable[[Step], Stepper] | None = None
    """Makes the stepper. Raises Infeasible with the name of the wrong parameter."""
    is_stepped: Callable[[Wish], bool] | None = None
    """Whether this trade is worked step by step. Default: True without a `plan`."""
    parameters: type[Parameters] | None = None
    """The model of `signal_data.parameters`. Default: the algorithm takes none."""
    needs: tuple[Need, ...] = ()
    parted_by_interval: bool = False
    """Whether an entry is refused when its interval gives more than `max_slices` children."""
    takes_whole_horizon: bool = False
    """Whether an entry is refused when it expires before its horizon's end."""
    rests: bool = False
    """Whether its children rest in the book. Its fallback takes then; the fallback of others
    rests."""
    step_interval: Callable[[float], float] = _one_second
    """The seconds between two steps, by the horizon's seconds. It counts where the strategy names
    none."""

    def __post_init__(self) -> None:
        steps = self.stored is not None and self.stepper is not None
        if self.plan is None and not steps:
            raise ValueError("an algorithm has a plan, or stored parameters and a stepper")

    def steps(self, wish: Wish) -> bool:
        """Whether this trade is worked step by step."""
        return self.plan is None if self.is_stepped is None else self.is_stepped(wish)


def one_child(_wish: Wish) -> int:
    """One child at a time, of the whole or of a size that the market decides."""
    return 1


def by_interval(wish: Wish) -> int:
    """One child each interval of the horizon; one where either is missing or not readable."""
    horizon, interval = wish.horizon_seconds, wish.interval_seconds
    if horizon is None or interval is None or not (0 < interval <= horizon < 1e9):
        return 1
    return min(int(horizon / interval), MAX_CHILDREN)


def exact(share: float) -> Decimal:
    """The share as the message said it: the shortest text of the float."""
    return Decimal(repr(share))
