"""The reasons of the throttle: each has a measure, a beginning and an end."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from bot.risk.rule import Raw
from config.keys.working import WorkingRules
from models.documents.orders import ThrottleKind
from models.enums import TradingState


@dataclass(frozen=True, slots=True)
class Conditions:
    """The throttle's conditions at one moment; None is unknown."""

    volatility_ratio: float | None
    """The short volatility over its own baseline."""
    spread_bps: float | None
    depth_share: Decimal | None
    """The parent's remainder over the near depth."""
    drawdown_use: float | None
    """The used share of the drawdown limit."""
    trading_state: TradingState | None
    """The strictest that applies."""
    data_fresh: bool


@dataclass(frozen=True, slots=True)
class ThrottleReason:
    """One reason of the throttle: its effect, its beginning and its end."""

    name: str
    """Stored in `Throttle.holds`, so it is never renamed."""
    kind: ThrottleKind
    cause: str
    applies: Callable[[Conditions, WorkingRules, frozenset[str]], bool]
    measured: Callable[[Conditions], Raw] = lambda _: None
    limit: Callable[[WorkingRules], Raw] = lambda _: None


_Measure = Callable[[Conditions], float | Decimal | None]
_Limit = Callable[[WorkingRules], float | Decimal]


def _reaches(
    name: str, kind: ThrottleKind, cause: str, measure: _Measure, limit: _Limit
) -> ThrottleReason:
    """A reason that begins at the limit, ends below limit x (1 - hysteresis), and stays as it is
    while unknown."""

    def applies(conditions: Conditions, rules: WorkingRules, held: frozenset[str]) -> bool:
        value = measure(conditions)
        if value is None:
            return name in held
        bound = _lower_end(limit(rules), rules) if name in held else float(limit(rules))
        # Written this way because NaN would pass the opposite comparison.
        return not float(value) < bound

    return ThrottleReason(name, kind, cause, applies, measure, limit)


def _lower_end(limit: float | Decimal, rules: WorkingRules) -> float:
    """Through Decimal: 1.5 less a fifth is 1.2, not 1.2000000000000002."""
    return float(Decimal(str(limit)) * (1 - Decimal(str(rules.hysteresis))))


def _when(
    name: str,
    kind: ThrottleKind,
    cause: str,
    test: Callable[[Conditions], bool],
    measured: Callable[[Conditions], Raw] = lambda _: None,
) -> ThrottleReason:
    return ThrottleReason(
        name, kind, cause, lambda conditions, _rules, _held: test(conditions), measured
    )


def _unknown(name: str, cause: str, read: Callable[[Conditions], object]) -> ThrottleReason:
    return _when(
        f"{name}_unknown", ThrottleKind.PAUSE, f"{cause} is unknown", lambda c: read(c) is None
    )


def _volatility(conditions: Conditions) -> float | None:
    return conditions.volatility_ratio


def _spread(conditions: Conditions) -> float | None:
    return conditions.spread_bps


def _depth(conditions: Conditions) -> Decimal | None:
    return conditions.depth_share


def _drawdown(conditions: Conditions) -> float | None:
    return conditions.drawdown_use


def _state(conditions: Conditions) -> TradingState | None:
    return conditions.trading_state


def _state_is(test: Callable[[TradingState], bool]) -> Callable[[Conditions], bool]:
    return lambda c: c.trading_state is not None and test(c.trading_state)


_VOLATILITY = "volatility over its baseline"
_SPREAD = "the spread in bps"
_DEPTH = "the rest over the near depth"
_DRAWDOWN = "the used share of the drawdown limit"
_STATE = "the trading state"

# Strongest first: the first in force is the recorded cause.
ADDING_REASONS = (
    _unknown("state", _STATE, _state),
    _when(
        "state_pause", ThrottleKind.PAUSE, _STATE, _state_is(lambda s: not s.allows_adding), _state
    ),
    _when("data_stale", ThrottleKind.PAUSE, "market data is stale", lambda c: not c.data_fresh),
    _unknown("volatility", _VOLATILITY, _volatility),
    _unknown("spread", _SPREAD, _spread),
    _unknown("depth", _DEPTH, _depth),
    _unknown("drawdown", _DRAWDOWN, _drawdown),
    _reaches(
        "volatility_pause",
        ThrottleKind.PAUSE,
        _VOLATILITY,
        _volatility,
        lambda rules: rules.pause_volatility_ratio,
    ),
    _reaches(
        "spread_pause", ThrottleKind.PAUSE, _SPREAD, _spread, lambda rules: rules.pause_spread_bps
    ),
    _reaches(
        "drawdown_pause",
        ThrottleKind.PAUSE,
        _DRAWDOWN,
        _drawdown,
        lambda rules: rules.pause_drawdown_use,
    ),
    _reaches(
        "volatility_slow",
        ThrottleKind.SLOW,
        _VOLATILITY,
        _volatility,
        lambda rules: rules.slow_volatility_ratio,
    ),
    _reaches(
        "drawdown_slow",
        ThrottleKind.SLOW,
        _DRAWDOWN,
        _drawdown,
        lambda rules: rules.slow_drawdown_use,
    ),
    _when(
        "state_slow",
        ThrottleKind.SLOW,
        _STATE,
        _state_is(lambda s: s is TradingState.RECOVERING),
        _state,
    ),
    _reaches(
        "spread_shrink",
        ThrottleKind.SHRINK,
        _SPREAD,
        _spread,
        lambda rules: rules.shrink_spread_bps,
    ),
    _reaches(
        "depth_shrink", ThrottleKind.SHRINK, _DEPTH, _depth, lambda rules: rules.shrink_depth_share
    ),
)
# An exit is only ever hurried; unknown conditions change nothing for it.
EXIT_REASONS = (
    _when(
        "state_hurry",
        ThrottleKind.HURRY,
        _STATE,
        _state_is(lambda s: not s.allows_reducing),
        _state,
    ),
    _reaches(
        "volatility_hurry",
        ThrottleKind.HURRY,
        _VOLATILITY,
        _volatility,
        lambda rules: rules.slow_volatility_ratio,
    ),
    _reaches(
        "drawdown_hurry",
        ThrottleKind.HURRY,
        _DRAWDOWN,
        _drawdown,
        lambda rules: rules.slow_drawdown_use,
    ),
)
