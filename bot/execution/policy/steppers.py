"""Makes the stepper of a parent from its stored parameters, at the speed that the throttle
allows."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from bot.errors import Infeasible
from bot.execution.algorithms.algorithm import Step, ThrottleFactors
from bot.execution.algorithms.stepping import Stepper, Terms
from bot.execution.algorithms.table import ALGORITHMS
from bot.execution.algorithms.volume_forecast import VolumeForecast
from models.enums import Algorithm


def stepper(
    algorithm: Algorithm,
    params: Mapping[str, Any],
    terms: Terms,
    total: Decimal,
    *,
    pace: ThrottleFactors | None = None,
    forecast: VolumeForecast | None = None,
) -> Stepper:
    """For a parent of `total`. Raises Infeasible with the name of the parameter that is wrong."""
    make = ALGORITHMS[algorithm].stepper
    if make is None:
        raise Infeasible(f"algorithm {algorithm.value} has no steps")
    return make(
        Step(
            params=params,
            terms=terms,
            total=total,
            pace=pace or ThrottleFactors(),
            forecast=forecast,
        )
    )
