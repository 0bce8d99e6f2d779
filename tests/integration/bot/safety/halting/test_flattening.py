"""Flattening: what the exchange reports is closed, verified, or told to people."""

from decimal import Decimal

import pytest

from bot.errors import DependencyDown, MlriskError, OutcomeUnknown, Refused, Throttled
from bot.exchange.protocol import ExchangeOrder, StopIntent
from bot.execution.orders.identity import stop_link_id
from bot.safety.halting.halt import HaltReach
from bot.state.scope import EVERYTHING, Scope
from models.enums import OrderStatus, ScopeKind, TradeSide, TradingState
from models.repositories.safety import states
from tests.support.accounts.exits import open_position
from tests.support.accounts.flattening import flattener
from tests.support.desk import Desk
from tests.support.waiting import PATIENCE_SECONDS

pytestmark = pytest.mark.services


def _halt(desk: Desk) -> None:
    latched = desk.trading_halt.set_halted("drill", "me", flatten=True)
    desk.trading_halt.follow(latched, HaltReach(cancel=True), actor="me")


def _state(desk: Desk) -> tuple[str, bool]:
    with desk.db.reading() as session:
        states_ = states.all_states(session)
        assert states_
    with desk.db.unit_of_work() as uow:
        row = states.lock_state(
            uow.session, ScopeKind.GLOBAL, states.GLOBAL_KEY, now=desk.clock.now(), actor="test"
        )
        return str(row.state), row.sealed_at is not None


def test_a_position_is_closed_by_an_approved_exit_and_the_state_is_flat(desk: Desk) -> None:
    assert open_position(desk) > 0
    _halt(desk)
    assert _state(desk) == (TradingState.FLATTENING, True)
    report = flattener(desk).flatten(EVERYTHING, actor="me")
    assert (report.left, report.problems, len(report.requests)) == ((), (), 1)
    assert report.flat_at is not None
    assert desk.exchange.positions() == []
    assert desk.position() == 0
    assert _state(desk) == (TradingState.FLAT, True)
    desk.check_balance()
    assert desk.approve("entry-2")["verdict"] == "deny"
    again = flattener(desk).flatten(EVERYTHING, actor="me")
    assert (again.flat_at is not None, again.requests) == (True, ())


def test_protective_stops_go_last(desk: Desk) -> None:
    qty = open_position(desk)
    link = stop_link_id("paper", "BTCUSDT", desk.clock.now(), 1)
    intent = StopIntent(link, "BTCUSDT", TradeSide.SELL, qty, Decimal(60000))
    desk.exchange.place(desk.exchange.stop_body(intent))
    _halt(desk)
    resting: list[int] = []
    desk.exchange.before_post = lambda: resting.append(len(desk.exchange.conditional_orders()))
    report = flattener(desk).flatten(EVERYTHING, actor="me")
    assert (resting, report.stops_cancelled) == ([1], 1)
    assert desk.exchange.orders[link].status is OrderStatus.CANCELLED


def test_an_exit_whose_answer_is_lost_closes_no_more_than_the_position(desk: Desk) -> None:
    open_position(desk)
    _halt(desk)
    desk.exchange.faults = [(OutcomeUnknown("no answer"), True)]
    report = flattener(desk).flatten(EVERYTHING, actor="me")
    assert report.flat_at is not None
    assert desk.exchange.positions() == []
    assert len(report.requests) == 1


def test_a_flattening_looks_up_its_exits_and_no_entry(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Seen: hundreds of orders that the halt had cancelled were looked up one by one between two
    looks at the positions."""
    open_position(desk)
    desk.exchange.faults = [(OutcomeUnknown("no answer"), False)] * 2
    desk.approve("entry-2")
    desk.send(desk.child().child_id)
    _halt(desk)
    asked: list[str] = []
    find_order = desk.exchange.find_order

    def noted(symbol: str, order_link_id: str) -> ExchangeOrder | None:
        asked.append(order_link_id)
        return find_order(symbol, order_link_id)

    monkeypatch.setattr(desk.exchange, "find_order", noted)
    report = flattener(desk).flatten(EVERYTHING, actor="me")
    assert report.flat_at is not None
    exits = [child.order_link_id for child in desk.children() if child.reduce_only]
    assert set(asked) == set(exits)
    desk.check_balance()


@pytest.mark.parametrize(
    ("error", "takes_effect"),
    [
        pytest.param(OutcomeUnknown("no answer"), False, id="drop_before"),
        pytest.param(OutcomeUnknown("no answer"), True, id="drop_after"),
        pytest.param(OutcomeUnknown("server", ret_code=10016), True, id="code_10016_effect"),
        pytest.param(Throttled("fast", after_seconds=0.2), False, id="rate_limit"),
    ],
)
def test_no_fault_of_the_catalogue_makes_a_position_grow_or_stay(
    desk: Desk, error: MlriskError, takes_effect: bool
) -> None:
    before = open_position(desk)
    _halt(desk)
    desk.exchange.faults = [(error, takes_effect)] * 2
    desk.exchange.fill_share = Decimal("0.5")
    seen = [before]

    def note() -> None:
        seen.append(sum((p.qty for p in desk.exchange.positions()), Decimal(0)))
        if desk.exchange.posts > 4:
            desk.exchange.fill_share = Decimal(1)

    desk.exchange.before_post = note
    report = flattener(desk).flatten(EVERYTHING, actor="me", wait_seconds=PATIENCE_SECONDS)
    note()
    assert (report.flat_at is not None, seen[-1]) == (True, 0)
    assert seen == sorted(seen, reverse=True)
    desk.check_balance()


def test_a_position_that_can_not_be_closed_is_told_and_stays_flattening(
    desk: Desk, caplog: pytest.LogCaptureFixture
) -> None:
    open_position(desk)
    _halt(desk)
    desk.exchange.faults = [(DependencyDown("no route"), False)] * 50
    report = flattener(desk).flatten(EVERYTHING, actor="me", wait_seconds=1)
    assert (report.flat_at, report.left) == (None, ("BTCUSDT",))
    assert "NOT FLAT" in caplog.text
    assert _state(desk)[0] == TradingState.FLATTENING


def test_another_symbols_scope_closes_nothing_of_this_one(desk: Desk) -> None:
    open_position(desk)
    scope = Scope(ScopeKind.SYMBOL, "ETHUSDT")
    desk.trading_halt.set_halted("drill", "me", scope, flatten=True)
    assert flattener(desk).flatten(scope, actor="me").requests == ()
    assert sum(abs(p.qty) for p in desk.exchange.positions()) > Decimal(0)


def test_a_strategy_can_not_be_flattened(desk: Desk) -> None:
    with pytest.raises(Refused, match="knows no strategies"):
        flattener(desk).flatten(Scope(ScopeKind.STRATEGY, "s"), actor="me")
