"""nautilus_trader's RiskEngine on one limit order, for comparison; only where it is installed.

A cash account with enough money, one instrument, and sinks instead of an execution engine, so that
what is timed is `RiskEngine.execute` of a `SubmitOrder` that it lets through.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any

NAME = "nautilus_trader RiskEngine, allowed"
AVAILABLE = find_spec("nautilus_trader") is not None


def judge(quantity: int = 100_000) -> Callable[[], object]:
    """A call that judges one fresh command; raises when the order is not let through."""
    get = _names
    bus_class, clock_class = get("common.component", "MessageBus", "TestClock")
    (factory_class,) = get("common.factories", "OrderFactory")
    (risk_config,) = get("config", "RiskEngineConfig")
    (uuid,) = get("core.uuid", "UUID4")
    (submit_order,) = get("execution.messages", "SubmitOrder")
    (order_side,) = get("model.enums", "OrderSide")
    (strategy_id,) = get("model.identifiers", "StrategyId")
    (portfolio_class,) = get("portfolio.portfolio", "Portfolio")
    (engine_class,) = get("risk.engine", "RiskEngine")
    (instruments,) = get("test_kit.providers", "TestInstrumentProvider")
    (components,) = get("test_kit.stubs.component", "TestComponentStubs")
    (events,) = get("test_kit.stubs.events", "TestEventStubs")
    (ids,) = get("test_kit.stubs.identifiers", "TestIdStubs")

    clock, trader_id = clock_class(), ids.trader_id()
    msgbus = bus_class(trader_id=trader_id, clock=clock)
    cache = components.cache()
    portfolio = portfolio_class(msgbus=msgbus, cache=cache, clock=clock)
    passed: list[object] = []
    msgbus.register(endpoint="ExecEngine.execute", handler=passed.append)
    msgbus.register(endpoint="ExecEngine.process", handler=_refuse)
    engine = engine_class(
        portfolio=portfolio,
        msgbus=msgbus,
        cache=cache,
        clock=clock,
        config=risk_config(max_order_submit_rate="1000000/00:00:01"),
    )
    instrument = instruments.default_fx_ccy("AUD/USD")
    cache.add_instrument(instrument)
    portfolio.update_account(events.cash_account_state(ids.account_id()))
    factory = factory_class(trader_id=trader_id, strategy_id=strategy_id("S-1"), clock=clock)
    order = factory.limit(
        instrument.id, order_side.BUY, instrument.make_qty(quantity), instrument.make_price(0.7)
    )
    cache.add_order(order)
    command = submit_order(
        trader_id=trader_id,
        strategy_id=strategy_id("S-1"),
        order=order,
        command_id=uuid(),
        ts_init=0,
    )

    def call() -> object:
        engine.execute(command)
        return passed.pop()

    call()
    return call


def _names(module: str, *names: str) -> list[Any]:
    """By text and untyped: nautilus_trader is no dependency, and its Cython has no types."""
    loaded = import_module(f"nautilus_trader.{module}")
    return [getattr(loaded, name) for name in names]


def _refuse(event: object) -> None:
    raise RuntimeError(f"the order did not pass: {event}")
