"""The running exchange as its endpoints see it: venue, accounts, budgets, faults and streams."""

import itertools
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from paper_exchange.engine.core import PaperEngine
from paper_exchange.server.accounts import Account
from paper_exchange.server.auth import KeyRing
from paper_exchange.server.call import Call, Endpoint
from paper_exchange.server.callers import Callers
from paper_exchange.server.clock import wall_ms
from paper_exchange.server.faults.catalogue import FaultBoard
from paper_exchange.server.faults.timed import TimedFaults
from paper_exchange.server.ratelimit import (
    DOCUMENTED_IP_RATE,
    IpLimiter,
    UidLimiter,
    Usage,
)
from paper_exchange.server.streams.dcp import DisconnectProtection
from paper_exchange.server.streams.hub import PrivateHub
from paper_exchange.server.streams.publish import PublicHub
from paper_exchange.server.venue.venue import Venue
from paper_exchange.types import PrivateEvent, Reject

CONNECT_WINDOW_MS = 300_000
MAX_IGNORED_KNOWN = 10_000
"""The most ignored names that are remembered. Made-up names can't use more memory than that."""

if TYPE_CHECKING:
    from paper_exchange.server.streams.sockets import Connection


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How the server behaves."""

    host: str = "127.0.0.1"
    port: int = 0
    strict: bool = False
    """Refuse unknown and non-string fields; Bybit itself ignores unknown ones."""
    ws_ack_delay_seconds: float = 0.02
    """The delay of acknowledgements on sockets.

    Bybit is never instant. pybit's dispatcher dies on an ack within its own send.
    """
    trade_ack_delay_seconds: float = 0.005
    order_rate: int | None = None
    """Orders per second and UID instead of the documented 10 and 20; 0 is without limit."""
    read_rate: int | None = None
    """Signed reads per second and UID instead of the documented ones; 0 is without limit."""
    ip_rate: int = DOCUMENTED_IP_RATE
    """Requests per five seconds and address; 0 is without limit."""
    ip_ban_seconds: float = 600
    """The length of a ban: Bybit asks for ten minutes of silence after a 403."""
    ws_connect_rate: int = 500
    """WebSocket connects per five minutes and address; 0 is without limit."""
    tls_certificate: Path | None = None
    """The certificate chain with which the port speaks TLS. Default: None, plain HTTP."""
    tls_key: Path | None = None
    """The certificate's private key. Default: None, it is in the certificate's file."""
    control: bool = False
    """Serves `/control/...`. Never use it where other people can reach the port."""


@dataclass(slots=True)
class Exchange:
    """All state that a request may need."""

    venue: Venue
    accounts: Mapping[str, Account]
    settings: ServerSettings
    faults: FaultBoard
    paper: PaperEngine
    """The venue's engine, with the forced events that no client may ask for."""
    connections: "set[Connection]" = field(default_factory=set)
    started_ms: int = field(default_factory=wall_ms)
    uid_limiter: UidLimiter = field(default_factory=UidLimiter)
    ip_limiter: IpLimiter = field(init=False)
    connect_limiter: IpLimiter = field(init=False)
    keys: KeyRing = field(init=False)
    callers: Callers = field(default_factory=Callers)
    private: PrivateHub = field(init=False)
    public: PublicHub = field(init=False)
    dcp: DisconnectProtection = field(init=False)
    timed: TimedFaults = field(init=False)
    _trace_prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:20])
    _ignored: set[tuple[str, str]] = field(default_factory=set)
    _traces: "itertools.count[int]" = field(default_factory=itertools.count)

    def __post_init__(self) -> None:
        self.keys = KeyRing(key for account in self.accounts.values() for key in account.keys)
        self.ip_limiter = IpLimiter(self.settings.ip_rate, self.settings.ip_ban_seconds)
        self.connect_limiter = IpLimiter(self.settings.ws_connect_rate, 0, CONNECT_WINDOW_MS)
        self.private = PrivateHub(self.faults)
        self.public = PublicHub(self.venue, self.faults)
        self.dcp = DisconnectProtection(self)
        self.timed = TimedFaults(self)
        self.paper.world.stop_fault = self._stop_fault
        self.paper.world.is_heard = self._is_heard
        self.venue.on_private = self._on_private
        self.venue.on_trades = self.public.on_trades

    def _on_private(self, events: Sequence[PrivateEvent]) -> None:
        self.private.publish(events)
        self.timed.on_private(events)

    def _is_heard(self, uid: str) -> bool:
        """Whether an account's events are read: by a socket, or to keep its state."""
        return self.venue.keeper is not None or bool(self.private.sockets(uid))

    def _stop_fault(self, symbol: str) -> str:
        faults = self.faults
        if not faults.active:
            return ""
        if faults.lasting("stops_never_trigger", symbol):
            return "never"
        return "unfilled" if faults.lasting("stops_do_not_fill", symbol) else ""

    def wall_ms(self) -> int:
        """The wall time for the check of signatures, in milliseconds. A fault may shift it."""
        return wall_ms() + int(self.faults.option("clock_skew", "ms") or 0)

    def is_news(self, endpoint: str, name: str) -> bool:
        """Whether this endpoint ignores a parameter of this name for the first time."""
        known = self._ignored
        if (endpoint, name) in known or len(known) >= MAX_IGNORED_KNOWN:
            return False
        known.add((endpoint, name))
        return True

    def trace_id(self) -> str:
        """A new id for the trace header."""
        return f"{self._trace_prefix}{next(self._traces):012x}"

    def take_budget(self, call: Call, endpoint: Endpoint, category: str, cost: int) -> Usage:
        """Takes from the budget of this UID on this endpoint, over a rolling second.

        Spot counts apart where it has a limit of its own.
        """
        spot = category == "spot" and endpoint.spot_limit > 0
        limit = endpoint.spot_limit if spot else endpoint.limit
        override = self.settings.order_rate if endpoint.trades else self.settings.read_rate
        if override == 0:
            return Usage(limit, limit, wall_ms(), cost)
        if override is not None:
            limit = override
        key = (call.uid, endpoint.path, "spot" if spot else "")
        return self.uid_limiter.take(key, limit, wall_ms(), cost)

    def refuses_outside_band(self, uid: str) -> bool:
        """Whether an order outside the price band is refused instead of repriced."""
        return not self.paper.world.account(uid).reprice

    def set_band_action(self, uid: str, category: str, *, modify: bool) -> None:
        """Chooses repricing or refusal outside the price band. Raises Reject unless linear."""
        if category != "linear":
            raise Reject(10001, "params error: category invalid")
        self.paper.set_band_action(uid, modify)

    @property
    def ws_ack_delay(self) -> float:
        """The delay of acknowledgements on sockets, in seconds."""
        return self.settings.ws_ack_delay_seconds

    def open_order_ids(self, uid: str, category: str, params: Mapping[str, str]) -> list[str]:
        """Open orders of one category, newest first, filtered as `order/realtime` does."""
        scopes = [dict(params)]
        if category == "linear" and "symbol" not in params:
            coins = sorted({spec.quote_coin for spec in self.venue.specs.values()})
            scopes = [{**params, "settleCoin": coin} for coin in coins]
        rows = [
            row
            for scope in scopes
            for row in self.venue.engine.open_orders(
                uid, {"category": category, **scope}, self.venue.now_ms
            )
        ]
        return [row["orderId"] for row in rows]
