"""The request that a handler gets, and the description of an endpoint."""

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
    """One request: its caller, its exchange time, and the `retExtInfo` of its answer."""

    exchange: "Exchange"
    now: int
    key: ApiKey | None = None
    ret_ext: dict[str, Any] = field(default_factory=dict)
    granted: int = 1
    """The number of orders of a batch that the request budget carries."""
    how: Strictness = field(default_factory=Strictness)
    """The rules by which parameters are checked. It collects the names that are ignored."""

    @property
    def uid(self) -> str:
        """The account that the caller's key belongs to. Raises RuntimeError on a public call."""
        if self.key is None:
            raise RuntimeError("an endpoint that needs an account was called without a key")
        return self.key.uid


Handler = Callable[[Call, Params], Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A path with its rules. `limit` is in requests per second and UID, 0 for public paths."""

    method: str
    path: str
    handler: Handler
    rules: Rules | None
    """None: the parameters are not checked, because no answer depends on them."""
    signed: bool = False
    limit: int = 0
    spot_limit: int = 0
    batch: bool = False
    writes: bool = False
    trades: bool = False
    """Whether requests count against the order budget, which `--order-rate` may replace."""

    @property
    def name(self) -> str:
        """The short name that faults and logs use, e.g. `order/create`."""
        return self.path.removeprefix("/v5/")
