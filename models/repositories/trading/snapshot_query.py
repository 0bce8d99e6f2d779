"""The account data of a decision, in one statement and therefore as of one moment.

A fill moves quantity from a reservation to a position, and a halt changes several states: two
statements could see half of either. One statement also takes a fraction of the time of a dozen, all
of it under the account's lock.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from models.enums import BreakerSide, TradeSide
from models.repositories.safety.states import GLOBAL_KEY, STATES
from models.repositories.strategies import EXPOSURE, STAGE
from models.repositories.trading.snapshot_facts import AccountFacts as AccountFacts
from models.repositories.trading.snapshot_facts import TradeKey as TradeKey
from models.repositories.trading.snapshot_parts import (
    BREAKERS,
    FITNESS,
    INSTRUMENT,
    LEASE,
    OF_THE_TRADE,
)
from models.repositories.trading.snapshot_readers import READERS

LOSS_STREAK_WINDOW = timedelta(hours=24)
"""A streak is counted within a day; earlier losses are drawdown, which has its own limit."""
FILL_WINDOW = timedelta(hours=1)
"""An older fill says nothing of the present market, under any limits."""
STREAK_LIMIT = 100
"""Longer streaks than any limit need no counting."""


def read(session: Session, trade: TradeKey, now: datetime) -> AccountFacts:
    """Reads the facts as of the statement's start; the account's lock must be held before."""
    facts = AccountFacts()
    for what, words, numbers, at in session.execute(_STATEMENT, _parameters(trade, now)):
        READERS[what](facts, words, numbers, at)
    _bring_to_the_money_of_now(facts)
    facts.states.sort(key=lambda s: (s.scope_kind, s.scope_key))
    facts.positions.sort(key=lambda p: p.symbol)
    facts.reservations.sort(key=lambda r: (r.symbol, r.side, r.reduce_only))
    return facts


def _bring_to_the_money_of_now(facts: AccountFacts) -> None:
    since = facts.equity_a_day_ago_at
    if facts.equity_a_day_ago is None or since is None:
        return
    for at, share in facts.cash_flows:
        if at > since:
            facts.equity_a_day_ago *= share


def _parameters(trade: TradeKey, now: datetime) -> Mapping[str, object]:
    return {
        "account": trade.account,
        "strategy": trade.strategy,
        "symbol": trade.symbol,
        "side": trade.side,
        "held_side": held_side(trade.side),
        "notional": format(trade.notional, "f"),
        "everything": GLOBAL_KEY,
        "day": now.astimezone(UTC).date().isoformat(),
        "second_ago": now - timedelta(seconds=1),
        "minute_ago": now - timedelta(minutes=1),
        "day_ago": now - timedelta(hours=24),
        "fills_since": now - FILL_WINDOW,
        "streak_since": now - LOSS_STREAK_WINDOW,
        "streak_limit": STREAK_LIMIT,
    }


def held_side(side: str) -> BreakerSide:
    """The side of the position that an entry of this side opens."""
    return BreakerSide.LONG if side == TradeSide.BUY else BreakerSide.SHORT


# Each part gives (what, words, numbers, at). States are compared with literals, not parameters:
# only so can a prepared statement use the partial indexes.
_STATEMENT = text(
    f"""
{STATES}
    UNION ALL
{BREAKERS}
    UNION ALL
    SELECT 'size_share', NULL, ARRAY[min(share)], NULL
      FROM breaker
      WHERE NOT tripped AND share IS NOT NULL AND {OF_THE_TRADE}
      HAVING count(*) > 0
    UNION ALL
    SELECT 'recovery', ARRAY[scope_kind, scope_key], ARRAY[share], NULL
      FROM recovery
      WHERE phase = 'climbing' AND (scope_kind, scope_key) IN (('global', :everything),
        ('account', :account), ('strategy', :strategy), ('symbol', :symbol))
    UNION ALL
    -- An account whose breakers recover by themselves has their shares; a drawdown's is no step.
    SELECT 'recovery', ARRAY[scope_kind, scope_key], ARRAY[min(share)], NULL
      FROM breaker
      WHERE NOT tripped AND share IS NOT NULL AND kind <> 'drawdown'
        AND scope_kind = 'account' AND scope_key = :account
      GROUP BY scope_kind, scope_key
    UNION ALL
{FITNESS}
    UNION ALL
{LEASE}
    UNION ALL
{STAGE}
    UNION ALL
{EXPOSURE}
    UNION ALL
{INSTRUMENT}
    UNION ALL
    SELECT 'position', ARRAY[symbol], ARRAY[qty, entry_price, liquidation_price, mark_price],
        marked_at
      FROM position WHERE account = :account AND qty <> 0
    UNION ALL
    (SELECT 'fill', NULL, ARRAY[price], executed_at
      FROM fill
      WHERE account = :account AND symbol = :symbol AND executed_at > :fills_since
        AND exec_type = 'Trade'
      ORDER BY executed_at DESC, exec_id DESC LIMIT 1)
    UNION ALL
    SELECT 'unbooked', NULL, ARRAY[difference], NULL
      FROM position_disagreement WHERE account = :account AND symbol = :symbol
    UNION ALL
    SELECT 'reserved', ARRAY[symbol, side, reduce_only::text],
        ARRAY[sum(open_qty), sum(open_qty * reference_price)], NULL
      FROM reservation WHERE account = :account AND state = 'held' AND open_qty > 0
      GROUP BY symbol, side, reduce_only
    UNION ALL
    SELECT 'own', NULL, ARRAY[filled_qty + taken_qty], NULL
      FROM strategy_share
      WHERE account = :account AND symbol = :symbol AND strategy = :strategy
    UNION ALL
    SELECT 'own_working', NULL, ARRAY[sum(open_qty)], NULL
      FROM reservation JOIN parent_order USING (request_id)
      WHERE reservation.account = :account AND reservation.symbol = :symbol
        AND reservation.side = :side AND reservation.state = 'held' AND open_qty > 0
        AND strategy = :strategy
      HAVING sum(open_qty) > 0
    UNION ALL
    SELECT 'own_reserved', NULL, ARRAY[sum(open_qty * reservation.reference_price)], NULL
      FROM reservation JOIN parent_order USING (request_id)
      WHERE reservation.account = :account AND reservation.state = 'held' AND open_qty > 0
        AND NOT reservation.reduce_only AND strategy = :strategy
      HAVING sum(open_qty) > 0
    UNION ALL
    (SELECT 'equity', NULL, ARRAY[equity, available], at
      FROM equity WHERE account = :account ORDER BY at DESC LIMIT 1)
    UNION ALL
    SELECT 'in_flight', NULL, ARRAY[
        (SELECT coalesce(sum((c.qty - c.filled_qty) * p.reference_price), 0)
          FROM child_order c JOIN parent_order p USING (request_id)
          WHERE c.account = :account AND c.state IN ('acked', 'working') AND c.style <> 'ioc'
            AND NOT c.reduce_only AND c.acked_at < newest.at),
        (SELECT coalesce(sum(f.qty * f.price), 0)
          FROM fill f JOIN child_order c USING (child_id)
          WHERE f.account = :account AND f.executed_at > newest.at AND NOT c.reduce_only)], NULL
      FROM (SELECT at FROM equity WHERE account = :account ORDER BY at DESC LIMIT 1) AS newest
    UNION ALL
    SELECT 'equity_a_day_ago', NULL, ARRAY[percentile_disc(0.5) WITHIN GROUP (ORDER BY equity)],
        min(at)
      FROM (
        SELECT equity, at FROM equity
          WHERE account = :account AND at >= greatest(:day_ago, (
            SELECT rebased_at FROM equity_day WHERE account = :account ORDER BY day DESC LIMIT 1
          ))
          ORDER BY at LIMIT 3
      ) AS first_readings HAVING count(*) > 0
    UNION ALL
    SELECT 'cash_flow', NULL, ARRAY[share], at
      FROM cash_flow WHERE account = :account AND at > :day_ago AND share IS NOT NULL
    UNION ALL
    SELECT 'equity_day', NULL, ARRAY[start_equity, peak_equity], NULL
      FROM equity_day WHERE account = :account AND day = :day
    UNION ALL
    SELECT 'losses', NULL, ARRAY[count(*)::numeric], NULL
      FROM (
        SELECT bool_or(realised_pnl > 0) OVER (ORDER BY place) AS over
          FROM (
            SELECT realised_pnl, row_number() OVER (ORDER BY finished_at DESC) AS place
              FROM parent_order
              WHERE account = :account AND realised_pnl <> 0
                AND finished_at > greatest(:streak_since, (
                  SELECT changed_at FROM breaker
                    WHERE scope_kind = 'account' AND scope_key = :account
                      AND kind = 'consecutive_losses' AND "count" > 0 AND NOT tripped))
              ORDER BY finished_at DESC LIMIT :streak_limit
          ) AS newest
      ) AS streak WHERE NOT over
    UNION ALL
    SELECT 'orders', NULL, ARRAY[count(*)::numeric], NULL
      FROM child_order
      WHERE account = :account AND state <> 'planned' AND sent_at > :second_ago
    UNION ALL
    SELECT 'same_orders', NULL, ARRAY[count(*)::numeric], NULL
      FROM decision
      WHERE account = :account AND verdict <> 'deny' AND decided_at > :minute_ago
        AND intent ->> 'strategy' = :strategy AND intent ->> 'symbol' = :symbol
        AND intent ->> 'side' = :side AND intent ->> 'notional' = :notional
    """
)
