"""Parts of statements that decisions and claims share, and the rows that they give."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from models.tables import BreakerRow, InstrumentRow

INSTRUMENT = """
    SELECT 'instrument', ARRAY[symbol, status],
        ARRAY[tick_size, qty_step, min_qty, max_qty, min_notional, max_leverage,
            price_limit_x, price_limit_y], refreshed_at
      FROM instrument WHERE symbol = :symbol
"""
FITNESS = """
    SELECT 'fitness', ARRAY[ok::text, reasons], NULL, asked_at
      FROM account_fitness WHERE account = :account
"""
LEASE = """
    SELECT 'lease', ARRAY[withheld], ARRAY[epoch::numeric,
        extract(epoch FROM clock_timestamp() - renewed_at),
        extract(epoch FROM expires_at - clock_timestamp()),
        extract(epoch FROM expires_at - renewed_at)], renewed_at
      FROM trading_lease WHERE account = :account
"""
"""The lease, as one part of the statements of claims and decisions."""
OF_THE_TRADE = """side IN ('both', :held_side) AND (scope_kind, scope_key) IN (
        ('global', :everything), ('account', :account), ('strategy', :strategy),
        ('symbol', :symbol))"""
BREAKERS = f"""
    SELECT 'breaker', ARRAY[scope_kind, scope_key, kind, reason], NULL::numeric[],
        NULL::timestamptz
      FROM breaker WHERE tripped AND {OF_THE_TRADE}
"""
"""The tripped breakers of the scopes and of the side that apply."""


def instrument_row(
    words: Sequence[str], numbers: Sequence[Decimal], refreshed_at: datetime
) -> InstrumentRow:
    """Trading rules as a statement's part gives them; the row belongs to no session."""
    tick_size, qty_step, min_qty, max_qty, min_notional, max_leverage, *band = numbers
    return InstrumentRow(
        symbol=words[0],
        status=words[1],
        tick_size=tick_size,
        qty_step=qty_step,
        min_qty=min_qty,
        max_qty=max_qty,
        min_notional=min_notional,
        max_leverage=max_leverage,
        price_limit_x=band[0],
        price_limit_y=band[1],
        refreshed_at=refreshed_at,
    )


def breaker_row(words: Sequence[str]) -> BreakerRow:
    """A breaker as `BREAKERS` returns it; the row belongs to no session."""
    scope_kind, scope_key, kind, reason = words
    return BreakerRow(scope_kind=scope_kind, scope_key=scope_key, kind=kind, reason=reason)
