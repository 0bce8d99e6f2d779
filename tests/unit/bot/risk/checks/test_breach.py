"""A synthetic case is a sound trade with one fact changed, and nothing else."""

from datetime import timedelta

from bot.risk.checks.breach import EQUITY, MID, NOW, SYMBOL, before
from bot.risk.selftest.baseline import healthy
from models.enums import TradingState
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D

CASE = healthy(cases.LIMITS)


def test_each_change_reaches_its_own_part_and_leaves_the_original_alone() -> None:
    assert CASE.predicting(confidence=0.1).intent.model.confidence == 0.1
    assert CASE.intending(notional=D(1)).notional == 1
    market = CASE.trading(mark=D(1)).snapshot.market
    assert market is not None and market.mark == 1
    instrument = CASE.ruled(status="Closed").snapshot.instrument
    assert instrument is not None and instrument.status == "Closed"
    portfolio = CASE.owning(equity=D(1)).snapshot.portfolio
    assert portfolio is not None and portfolio.equity == 1
    assert healthy(cases.LIMITS) == CASE
    assert CASE.snapshot.portfolio is not None
    assert CASE.snapshot.portfolio.equity == EQUITY


def test_positions_are_held_by_their_notional_at_the_mid() -> None:
    held = CASE.holding((SYMBOL, D(-200)), ("OTHER", D(300)), correlation=0.5)
    assert held.held == D(-200) / MID
    assert held.snapshot.correlations == {SYMBOL: 0.5, "OTHER": 0.5}


def test_states_and_moments_are_those_that_were_asked_for() -> None:
    (state,) = CASE.in_state(TradingState.HALTED).snapshot.states
    assert state.state is TradingState.HALTED
    assert before(1.5) == NOW - timedelta(milliseconds=1500)
