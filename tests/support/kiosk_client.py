"""A made-up venue and its client library, as pybit is Bybit's: the kiosk of CONTRIBUTING.md.

It has directions instead of sides, stages instead of states, and sentences where others have codes.
An account is open in this process alone; tests play the other side of its trades.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import count
from typing import Any

PRICE = Decimal(65_000)


class No(Exception):
    """The kiosk does not take the order, and says why."""


class ShutWindow(Exception):
    """The window shut before the answer came."""


@dataclass
class Slip:
    """An order as the kiosk keeps it."""

    number: str
    tag: str
    market: str
    direction: str
    amount: Decimal
    price: Decimal
    giving_back: bool
    written_at: datetime
    sold: Decimal = field(default_factory=Decimal)
    stage: str = "on the shelf"
    why: str = ""


@dataclass
class Sale:
    number: str
    slip: Slip
    amount: Decimal
    price: Decimal
    at: datetime


@dataclass
class Board:
    """The prices on the wall; a page that is not whole changes the one before."""

    market: str
    page: int
    whole: bool
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    at: datetime


@dataclass
class Kiosk:
    """One account."""

    slips: dict[str, Slip] = field(default_factory=dict)
    sales: list[Sale] = field(default_factory=list)
    asked: list[Mapping[str, Any]] = field(default_factory=list)
    no: list[str] = field(default_factory=list)
    """Its answers to the next orders."""
    answers: bool = True
    """It says that it took an order."""
    listeners: list[Callable[[Any], None]] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: count(1))

    def write(self, slip: Mapping[str, Any], at: datetime) -> Slip:
        """Takes an order. Raises No or ShutWindow."""
        self.asked.append(slip)
        if self.no:
            raise No(self.no.pop(0))
        number, tag = f"slip-{next(self._numbers)}", str(slip["tag"])
        assert tag not in self.slips, f"{tag} was used twice"
        price, amount = Decimal(slip["price"]), Decimal(slip["qty"])
        market, direction, giving_back = slip["market"], slip["direction"], slip["giving back"]
        self.slips[tag] = Slip(
            number, tag, market, direction, amount, price, giving_back, written_at=at
        )
        if not self.answers:
            raise ShutWindow
        return self.slips[tag]

    def take_back(self, tag: str, why: str = "you asked") -> None:
        """Ends an order that is still on the shelf; a listener hears of it."""
        slip = self.slips.get(tag)
        if slip is not None and slip.stage == "on the shelf":
            slip.stage, slip.why = "taken back", why
            self.tell(slip)

    def sell(self, tag: str, *, at: datetime, heard: bool) -> None:
        """Somebody takes a whole order; a listener hears of it, or not."""
        slip = self.slips[tag]
        slip.sold, slip.stage = slip.amount, "sold"
        number = f"sale-{next(self._numbers)}"
        self.sales.append(Sale(number, slip, slip.amount, slip.price, at))
        if heard:
            self.tell(self.sales[-1])
            self.tell(slip)

    def tell(self, news: Any) -> None:
        for listener in tuple(self.listeners):
            listener(news)


_ACCOUNTS: dict[str, Kiosk] = {}


def account(name: str) -> Kiosk:
    """The account of this name, opened when it is first asked for."""
    return _ACCOUNTS.setdefault(name, Kiosk())


def close_all() -> None:
    _ACCOUNTS.clear()
