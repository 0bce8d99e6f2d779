"""Keys of the original interface that are no limits of the gate."""

from dataclasses import dataclass
from typing import ClassVar

from config.declaration import HIGHER, limit


@dataclass(frozen=True, slots=True)
class InterfaceKeys:
    """Files of the original interface set these keys, so they load."""

    SECTION: ClassVar[str] = ""

    # Read by `bot.risk.manager` alone.
    min_model_performance: float = limit(
        0.4,
        "share of predictions",
        "The notebook's manager trips a breaker when fewer of the recent predictions were right.",
        HIGHER,
        at="circuit_breakers.min_model_performance",
        low=0,
        high=1,
    )
