"""The running exchange as its doors see it: venue, accounts, budgets, faults and streams."""

import itertools
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field

from bot.exchange.paper.server.accounts import Account
from bot.exchange.paper.server.auth import KeyRing
from bot.exchange.paper.server.call import Call, Endpoint
from bot.exchange.paper.server.clock import wall_ms
from bot.exchange.paper.server.dcp import DisconnectProtection
from bot.exchange.paper.server.faults import FaultBoard
from bot.exchange.paper.server.hub import PrivateHub
from bot.exchange.paper.server.publish import PublicHub
from bot.exchange.paper.server.ratelimit import IpLimiter, UidLimiter, Usage
from bot.exchange.paper.server.venue import Venue
from bot.exchange.paper.types import Reject


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the doors behave."""

    host: str = "127.0.0.1"
    port: int = 0
    strict: bool = True
    """Refuse unknown and non-string fields instead of ignoring them."""
    ws_ack_delay_seconds: float = 0.02
    """Bybit is never instant: pybit's dispatcher dies on an ack within its own send (facts 0.5)."""
    trade_ack_delay_seconds: float = 0.005
    order_rate: int | None = None
    """Orders per second and UID instead of the documented 10 and 20; 0 is without limit."""
    read_rate: int | None = None
    """Signed reads per second and UID instead of the documented ones; 0 is without limit."""
    ip_rate: int = 600
    """Requests per five seconds and address; 0 is without limit."""
    ip_ban_seconds: float = 600
    """Bybit asks for ten minutes of silence after a 403."""
    control: bool = False
    """Serves `/control/...`: never where anybody else can reach the port."""


@dataclass(slots=True)
class Exchange:
    """Everything that a request may need."""

    venue: Venue
    accounts: Mapping[str, Account]
    settings: ServerSettings
    faults: FaultBoard
    started_ms: int = field(default_factory=wall_ms)
    uid_limiter: UidLimiter = field(default_factory=UidLimiter)
    ip_limiter: IpLimiter = field(init=False)
    keys: KeyRing = field(init=False)
    private: PrivateHub = field(init=False)
    public: PublicHub = field(init=False)
    dcp: DisconnectProtection = field(init=False)
    band_refusals: set[str] = field(default_factory=set)
    _trace_prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    _traces: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.keys = KeyRing(key for account in self.accounts.values() for key in account.keys)
        self.ip_limiter = IpLimiter(self.settings.ip_rate, self.settings.ip_ban_seconds)
        self.private = PrivateHub(self.faults)
        self.public = PublicHub(self.venue, self.faults)
        self.dcp = DisconnectProtection(self)
        self.band_refusals.update(
            account.uid
            for account in self.accounts.values()
            if not account.config.reprice_outside_band
        )
        self.venue.on_private = self.private.publish
        self.venue.on_trades = self.public.on_trades

    def trace_id(self) -> str:
        return f"{self._trace_prefix}{next(self._traces):012x}"

    def take_budget(self, call: Call, endpoint: Endpoint, category: str, cost: int) -> Usage:
        """The rolling-second budget of this UID on this endpoint; categories count apart."""
        spot = category == "spot" and endpoint.spot_limit > 0
        limit = endpoint.spot_limit if spot else endpoint.limit
        override = self.settings.order_rate if endpoint.trades else self.settings.read_rate
        if override is not None:
            limit = override
        key = (call.uid, endpoint.path, "spot" if spot else "")
        return self.uid_limiter.take(key, limit, wall_ms(), cost)

    def refuses_outside_band(self, uid: str) -> bool:
        return uid in self.band_refusals

    def set_band_action(self, uid: str, category: str, *, modify: bool) -> None:
        if category != "linear":
            raise Reject(10001, "params error: category invalid")
        change = getattr(self.venue.engine, "set_band_action", None)
        if change is None:
            raise Reject(10016, "not supported by this engine")
        change(uid, modify)
        if modify:
            self.band_refusals.discard(uid)
        else:
            self.band_refusals.add(uid)

    @property
    def ws_ack_delay(self) -> float:
        return self.settings.ws_ack_delay_seconds
