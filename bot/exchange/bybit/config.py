"""How to reach one Bybit account; secrets stay hidden in every representation."""

from decimal import Decimal
from enum import StrEnum
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator


class BybitMode(StrEnum):
    """The environments of Bybit, and the paper exchange that speaks its protocol."""

    LIVE = "live"
    TESTNET = "testnet"
    DEMO = "demo"
    PAPER = "paper"


class BybitConfig(BaseModel):
    """One account of one Bybit environment. Timeouts are in seconds.

    Without a key only public data is read. `endpoint` is the HTTP base URL: needed for paper, an
    override (regional hosts) elsewhere. `stream_endpoint` is the WebSocket base URL; for paper it
    follows from `endpoint`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    api_key: SecretStr | None
    api_secret: SecretStr | None
    mode: BybitMode
    endpoint: str | None = None
    stream_endpoint: str | None = None
    category: Literal["linear"] = "linear"
    settle_coin: str = "USDT"
    # The gateway refuses a request older than this. It bounds an unknown outcome.
    recv_window_ms: int = Field(default=5000, ge=500, le=60_000)
    # For orders that add risk. A post that hangs delays the seal of a halt for as long.
    adding_window_ms: int = Field(default=2000, ge=500, le=60_000)
    connect_timeout_seconds: float = Field(default=3.0, gt=0)
    # Longer than recv_window: a reply that comes later than this was queued beyond the gateway.
    read_timeout_seconds: float = Field(default=8.0, gt=0)
    # An exit must go through even if it meets our own resting order, so the resting order is
    # cancelled.
    smp_type: Literal["None", "CancelMaker", "CancelTaker", "CancelBoth"] = "CancelMaker"
    # Bound of a market order in percent of the touch; the exchange's own is as wide as its band.
    market_slippage_percent: Decimal | None = Field(
        default=Decimal("1"), ge=Decimal("0.01"), le=10, decimal_places=2
    )
    # The gateway accepts at most 1 s ahead, which leaves room for the network. A halt is sealed so
    # much later, because an exchange whose clock is behind ours accepts an order for longer. With
    # the window for orders that add risk it stays below 2.5 s.
    max_clock_offset_ms: int = Field(default=400, gt=0, le=1000)

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.mode is BybitMode.PAPER and self.endpoint is None:
            raise ValueError("endpoint: needed in paper mode")
        if self.adding_window_ms > self.recv_window_ms:
            raise ValueError("adding_window_ms: must not be wider than recv_window_ms")
        for name in ("endpoint", "stream_endpoint"):
            value = getattr(self, name)
            schemes = ("http", "https") if name == "endpoint" else ("ws", "wss")
            if value is not None and urlsplit(value).scheme not in schemes:
                raise ValueError(f"{name}: must begin with one of {', '.join(schemes)}")
        return self

    @property
    def stream_base(self) -> str | None:
        """WebSocket base URL that replaces pybit's own, if there is one."""
        if self.stream_endpoint is not None:
            return self.stream_endpoint.rstrip("/")
        if self.mode is BybitMode.PAPER and self.endpoint is not None:
            parts = urlsplit(self.endpoint)
            return f"{'wss' if parts.scheme == 'https' else 'ws'}://{parts.netloc}"
        return None
