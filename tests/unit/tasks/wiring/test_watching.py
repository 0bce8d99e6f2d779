"""Services that watch and stop work on the same parts, also where the exchange is unproven."""

import pytest

from bot.errors import Refused
from tasks.bootstrap import Services
from tasks.wiring import foundation

NAMES = (
    *("monitor", "model_performance", "gate_ledger", "position_monitor", "protective_stops"),
    *("breakers", "flattener", "recovery_ladder", "audit_heads"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_made_on_its_first_use_and_kept(services: Services, name: str) -> None:
    assert name not in vars(services)
    assert getattr(services, name) is getattr(services, name)


def test_a_halt_has_the_exchange(services: Services) -> None:
    assert services.trading_halt._exchange is services.exchange


def test_a_halt_without_proven_keys_says_so_and_halts_all_the_same(
    services: Services, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def unproven(*_: object) -> None:
        raise Refused("the keys belong to another account")

    monkeypatch.setattr(foundation, "make_exchange", unproven)
    vars(services).pop("exchange")
    assert services.trading_halt._exchange is None
    assert "the halt cancels no order at the exchange" in caplog.text


def test_the_halt_that_comes_again_waits_for_a_second_at_most(services: Services) -> None:
    waits = services.following_halt._waits
    assert waits.seal_seconds <= 1
    assert waits.tries_again
