"""What an endpoint's handler is given, and how endpoints are described."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from paper_exchange.server.auth import ApiKey
from paper_exchange.server.rest.strict import Rules, Strictness

if TYPE_CHECKING:
    from paper_exchange.server.exchange import Exchange

Params = Mapping[str, Any]


@dataclass(slots=True)
class Call:
    """One request: who, when (exchange time), and the `retExtInfo` of its answer."""

    exchange: "Exchange"
    now: int
    key: ApiKey | None = None
    ret_ext: dict[str, Any] = field(default_factory=dict)
    how: Strictness = field(default_factory=Strictness)
    """How parameters are judged; it collects the names that are ignored."""

    @property
    def uid(self) -> str:
        """The account that the caller's key belongs to. Raises RuntimeError on a public call."""
        if self.key is None:
            raise RuntimeError("an endpoint that needs an account was called without a key")
        return self.key.uid


Handler = Callable[[Call, Params], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path's rule set. `limit` is requests per second and UID, 0 for public ones."""

    method: str
    path: str
    handler: Handler
    rules: Rules | None
    """None: no answer depends on the parameters, so that they are not judged."""
    signed: bool = False
    limit: int = 0
    spot_limit: int = 0
    batch: bool = False
    writes: bool = False
    trades: bool = False
    """Counts against the order budget, which `--order-rate` may replace."""

    @property
    def name(self) -> str:
        """The short name that faults and logs use, e.g. `order/create`."""
        return self.path.removeprefix("/v5/")
