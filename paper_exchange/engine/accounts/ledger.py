"""The cash ledger: every change of a wallet is one row of the transaction log."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from paper_exchange.engine.accounts.account import ZERO, Account
from paper_exchange.types import Category


@dataclass(frozen=True, slots=True)
class LogRow:
    """One row of the transaction log: `change = cash_flow + funding - fee`.

    Money is Decimal. Quantity, size, price and fee rate are text in Bybit's form.
    """

    seq: int
    time_ms: int
    category: Category | Literal[""]
    symbol: str
    coin: str
    kind: str
    side: str
    qty: str
    size: str
    price: str
    fee_rate: str
    cash_flow: Decimal
    funding: Decimal | None
    fee: Decimal
    change: Decimal
    balance: Decimal
    order_id: str
    link_id: str
    trade_id: str


class Ledger:
    """Transaction logs by account."""

    def __init__(self) -> None:
        self.rows: dict[str, list[LogRow]] = {}

    def book(
        self,
        account: Account,
        coin: str,
        *,
        seq: int,
        time_ms: int,
        category: Category | Literal[""],
        symbol: str,
        kind: str,
        cash_flow: Decimal = ZERO,
        funding: Decimal | None = None,
        fee: Decimal = ZERO,
        side: str = "",
        qty: str = "",
        size: str = "",
        price: str = "",
        fee_rate: str = "",
        order_id: str = "",
        link_id: str = "",
        trade_id: str = "",
    ) -> LogRow:
        """Changes the wallet and writes a row with the reason.

        Every change of a wallet goes through here.
        """
        change = cash_flow - fee + (funding or ZERO)
        balance = account.balance(coin) + change
        account.wallet[coin] = balance
        row = LogRow(
            seq,
            time_ms,
            category,
            symbol,
            coin,
            kind,
            side,
            qty,
            size,
            price,
            fee_rate,
            cash_flow,
            funding,
            fee,
            change,
            balance,
            order_id,
            link_id,
            trade_id,
        )
        self.rows.setdefault(account.uid, []).append(row)
        return row
