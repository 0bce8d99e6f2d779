"""The state that all parts of the engine share: markets, accounts, time, ids, events and timers."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from hashlib import blake2b
from typing import Any, Literal
from uuid import UUID

from paper_exchange.engine.accounts.account import Account, Position
from paper_exchange.engine.accounts.ledger import Ledger
from paper_exchange.engine.accounts.margin import STABLE, MarginModel
from paper_exchange.engine.markets.instrument import Market
from paper_exchange.engine.orders.rejects import reject
from paper_exchange.engine.records import Execution
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.types import Category, InstrumentSpec, Print, PrivateEvent, Reject

Topic = Literal["order", "execution", "position", "wallet"]
Timer = tuple[int, int, str, tuple[Any, ...]]
"""A timer: (due ms, sequence, action, arguments).

The arguments are JSON-able, so that timers survive a restart.
"""

SPOT_ID_BASE = 1_600_000_000_000_000_000
"""In Bybit's examples spot ids have 19 digits and begin with 16."""


class World:
    """The engine's shared state. It holds no rule of its own."""

    def __init__(
        self,
        instruments: Sequence[InstrumentSpec],
        accounts: Mapping[str, AccountConfig],
        settings: EngineSettings,
    ) -> None:
        self.settings = settings
        self.markets: dict[tuple[Category, str], Market] = {
            spec.key: Market(spec) for spec in instruments
        }
        self.accounts = {uid: Account.opened(config) for uid, config in accounts.items()}
        self.margin = MarginModel(settings, self.usd_price)
        self.ledger = Ledger()
        self.executions: dict[str, list[Execution]] = {}
        self.forgotten: dict[str, tuple[int, int]] = {}
        """The executions and ledger rows of each account that were dropped since the start."""
        self.insurance = settings.insurance_fund
        """What the insurance fund holds, in quote coin; None: it never ends."""
        self.now = 0
        self.seq = 0
        self.ids = 0
        self.events: list[PrivateEvent] = []
        self.prints: list[Print] = []
        """Trades of this operation that the public has not seen yet, oldest first."""
        self.timers: list[Timer] = []
        self.timer_count = 0
        self.changed: dict[tuple[str, str, int], Position] = {}
        """Positions to report when the operation ends."""
        self.moved: dict[str, None] = {}
        """Accounts with a changed wallet or margin in this operation."""
        self.attach: dict[str, int] = {}
        """The steps that orders with attached exits have newly opened, by order id."""
        self.effects: dict[str, Callable[..., None]] = {}
        """The function of each timer action. Each part of the engine registers its own."""
        self.is_heard: Callable[[str], bool] = _always
        """Whether anybody may read the position and wallet events of an account.

        Their records cost more than an order does.
        """
        self.stop_fault: Callable[[str], str] = _no_fault
        """What goes wrong with stop orders of a symbol: "", "never" or "unfilled"."""
        self.target = 0
        """The target time of the running `advance`."""

    def use_settings(self, settings: EngineSettings) -> None:
        """Changes the engine's settings while it runs."""
        self.settings = self.margin.settings = settings

    def account(self, uid: str) -> Account:
        """The account of a uid. Raises Reject, as for an invalid key, when there is none."""
        try:
            return self.accounts[uid]
        except KeyError:
            raise Reject(10003, "API key is invalid.") from None

    def market(self, category: object, symbol: object) -> Market:
        """The market of a product and symbol. Raises Reject when there is none."""
        if category not in ("linear", "spot"):
            raise reject("param", "category invalid")
        market = self.markets.get((category, str(symbol)))
        if market is None:
            raise reject("symbol", spot=category == "spot")
        return market

    def market_of(self, params: Mapping[str, Any]) -> Market:
        """The market that a request names. Raises Reject when there is none."""
        return self.market(params.get("category"), params.get("symbol"))

    def pricing_market(self, coin: str) -> Market | None:
        """The market whose mark values a coin: its spot market, else its future. None without."""
        for category in ("spot", "linear"):
            market = self.markets.get((category, f"{coin}USDT"))
            if market is not None and market.mark() is not None:
                return market
        return None

    def usd_price(self, coin: str) -> Decimal:
        """The value of a coin in USD: 1 for a stable coin, 0 for a coin without a market."""
        if coin in STABLE:
            return Decimal(1)
        market = self.pricing_market(coin)
        return (market.mark() if market is not None else None) or Decimal(0)

    def next_seq(self) -> int:
        """The next cross sequence of the matching engine."""
        self.seq += 1
        return self.seq

    def uuid(self, kind: str) -> str:
        """A deterministic UUID: the same seed and history give the same identifiers."""
        self.ids += 1
        text = f"{self.settings.seed}:{kind}:{self.ids}".encode()
        return str(UUID(bytes=blake2b(text, digest_size=16).digest(), version=4))

    def numeric_id(self) -> str:
        """A new id in digits, as spot orders and executions have it."""
        self.ids += 1
        return str(SPOT_ID_BASE + self.ids)

    def order_id(self, market: Market) -> str:
        """A new order id in the form of the product."""
        return self.numeric_id() if market.is_spot else self.uuid("order")

    def exec_id(self, market: Market) -> str:
        """A new execution id in the form of the product."""
        return self.numeric_id() if market.is_spot else self.uuid("exec")

    def emit(self, uid: str, topic: Topic, category: Category | None, data: dict[str, Any]) -> None:
        """Adds a private event at the present time."""
        self.events.append(PrivateEvent(uid, topic, category, self.now, data))

    def schedule(self, delay_ms: int, action: str, *args: Any) -> None:
        """Runs a named effect after a delay, in milliseconds."""
        self.schedule_at(self.now + delay_ms, action, *args)

    def schedule_at(self, due_ms: int, action: str, *args: Any) -> None:
        """Runs a named effect at a time. Effects of one time run in the order of scheduling."""
        self.timer_count += 1
        heapq.heappush(self.timers, (due_ms, self.timer_count, action, args))

    def note_position(self, account: Account, position: Position) -> None:
        """Marks a position as changed, so that the settlement reports it."""
        self.changed[(account.uid, position.market.symbol, position.idx)] = position
        self.moved[account.uid] = None


def _always(_uid: str) -> bool:
    return True


def _no_fault(_symbol: str) -> str:
    return ""
