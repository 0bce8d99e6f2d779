"""Makes the stepper of a parent from its stored parameters, at the speed that the throttle
allows."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.iceberg import Iceberg
from bot.execution.algorithms.passive import Passive
from bot.execution.algorithms.pov import Pov
from bot.execution.algorithms.steered_vwap import SteeredVwap, VolumeForecast
from bot.execution.algorithms.stepping import Stepper, Terms
from bot.risk.snapshot import AlgorithmOptions
from config.working import WorkingRules
from models.amounts import plain
from models.enums import Algorithm

ONE = Decimal(1)
DEFAULT_PARTICIPATION = Decimal("0.1")
"""The default share of the market's volume: a tenth hardly shows."""
DEFAULT_DISPLAYS = 10
"""The default part of an iceberg that is shown."""
_WHOLE_HORIZON_SECONDS = 86_400.0


@dataclass(frozen=True, slots=True)
class PaceFactors:
    """The throttle's effect: `speed` slows or hurries the work, `size` shrinks each child."""

    speed: Decimal = ONE
    size: Decimal = ONE


def parameters(
    algorithm: Algorithm,
    options: AlgorithmOptions,
    rules: WorkingRules,
    qty: Decimal,
    price: Decimal,
    interval_seconds: float,
) -> dict[str, Any]:
    """The stored parameters of the parent: plain JSON with everything that `stepper` needs."""
    match algorithm:
        case Algorithm.POV:
            cap = options.participation_rate
            rate = (
                (rules.participation_cap or DEFAULT_PARTICIPATION) if cap is None else _exact(cap)
            )
            least = options.min_participation_rate
            return {
                "cap_rate": plain(rate),
                "floor_rate": None if least is None else plain(_exact(least)),
                "interval_seconds": interval_seconds,
            }
        case Algorithm.ICEBERG:
            shown = options.display_notional
            display = qty / DEFAULT_DISPLAYS if shown is None else shown / price
            return {
                "display": plain(display),
                "size_distortion": options.size_distortion,
                "seed": options.seed,
            }
        case Algorithm.PASSIVE:
            chosen = {
                "improve_after": options.improve_after,
                "cross_margin_seconds": options.cross_margin_seconds,
                "requote_seconds": options.requote_seconds,
            }
            return {name: value for name, value in chosen.items() if value is not None}
        case Algorithm.VWAP:
            return {
                "volume_model": options.volume_model,
                "interval_seconds": interval_seconds,
                "max_catch_up": plain(rules.max_catch_up),
                "participation_cap": _text(rules.participation_cap),
            }
    raise Infeasible(f"algorithm {algorithm.value} has no steps")


def stepper(
    algorithm: Algorithm,
    params: Mapping[str, Any],
    terms: Terms,
    total: Decimal,
    *,
    pace: PaceFactors | None = None,
    forecast: VolumeForecast | None = None,
) -> Stepper:
    """The stepper for a parent of `total`. Raises Infeasible with the name of the wrong
    parameter."""
    factors = pace or PaceFactors()
    match algorithm:
        case Algorithm.POV:
            return _pov(params, terms, factors)
        case Algorithm.ICEBERG:
            return Iceberg(
                terms,
                display=Decimal(params["display"]) * factors.size * min(factors.speed, ONE),
                size_distortion=params["size_distortion"],
                seed=params["seed"],
            )
        case Algorithm.PASSIVE:
            return _passive(params, terms, total, factors)
        case Algorithm.VWAP:
            return SteeredVwap(
                terms,
                interval_seconds=params["interval_seconds"],
                forecast=forecast,
                max_catch_up=max(ONE, Decimal(params["max_catch_up"]) * factors.size),
                participation_cap=_decimal(params["participation_cap"]),
            )
        case Algorithm.IMMEDIATE:
            # A fallback step's: all of the rest, crossing again and again until the deadline.
            return _passive({"cross_margin_seconds": _WHOLE_HORIZON_SECONDS}, terms, total, factors)
    raise Infeasible(f"algorithm {algorithm.value} has no steps")


def _pov(params: Mapping[str, Any], terms: Terms, pace: PaceFactors) -> Pov:
    """Slows by its rate, because POV must not make up for missed volume."""
    slower = min(pace.speed, ONE) * pace.size
    floor = _decimal(params["floor_rate"])
    return Pov(
        terms,
        cap_rate=Decimal(params["cap_rate"]) * slower,
        floor_rate=None if floor is None else floor * slower,
        interval_seconds=params["interval_seconds"],
    )


def _passive(params: Mapping[str, Any], terms: Terms, total: Decimal, pace: PaceFactors) -> Passive:
    chosen: dict[str, Any] = {
        name: params[name] for name in ("cross_margin_seconds", "requote_seconds") if name in params
    }
    if "improve_after" in params:
        chosen["improve_after"] = _exact(params["improve_after"])
    if pace.speed < ONE:
        # When slowed it stays at the touch and crosses only for its deadline.
        chosen["improve_after"] = ONE
    if pace.size < ONE:
        chosen["max_child"] = total * pace.size
    return Passive(terms, **chosen)


def _text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _exact(share: float) -> Decimal:
    """The float by its shortest text, which is the message's own."""
    return Decimal(repr(share))
