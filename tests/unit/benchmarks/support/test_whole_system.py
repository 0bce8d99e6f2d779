"""Benchmarks of a whole system: what can be wrong with them before anything runs."""

import importlib
import math
import random
import sys
from pathlib import Path

import pytest
import yaml

from benchmarks.lateness import twap
from benchmarks.support.decision_cost import small_trade
from benchmarks.support.whole_system import LIFTED, quantiles, rich_account
from bot.decision import parsing
from config.thresholds import MLRiskConfigManager
from tests.support.repository import ROOT
from workers.home import Home
from workers.supervision import topology


def test_every_request_that_is_sent_keeps_the_schema_of_messages() -> None:
    chance = random.Random(3)
    for message in (small_trade(chance), twap(4.0, 6, chance), twap(40.0, 3, chance)):
        assert parsing.parse_request(message).request_id == message["request_id"]


def test_the_lifted_limits_are_limits_that_the_configuration_knows() -> None:
    manager = MLRiskConfigManager(
        str(ROOT / "config" / "ml_risk_config.yaml"),
        "development",
        "paper_trading",
        overrides={
            f"{section}.{key}": value
            for section, keys in LIFTED.items()
            for key, value in keys.items()
        },
    )
    assert manager.get_config().value("gate.max_repeated_orders") == 1_000_000


def test_the_paper_exchange_knows_the_keys_that_the_system_is_given(tmp_path: Path) -> None:
    """The watchdog's as well. Seen twice: one key was missing, and no benchmark of a whole system
    started."""
    home = Home(tmp_path / "home")
    home.create()
    built = topology.build(home, topology.Options())
    (account,) = yaml.safe_load(rich_account(home))
    known = {keys["key"]: keys["secret"] for keys in account["keys"]}
    given = {**built.environment}
    for spec in built.specs:
        given |= spec.env
    for owner in ("MLRISK_API", "MLRISK_WATCHDOG_API"):
        key, secret = (given[f"{owner}_{name}_FILE"] for name in ("KEY", "SECRET"))
        assert known[Path(key).read_text().strip()] == Path(secret).read_text().strip()
    assert account["balances"] == {"USDT": "1000000000"}


def test_quantiles_are_measured_values_and_no_numbers_where_nothing_was_measured() -> None:
    assert quantiles([3.0, 1.0, 2.0]) == {"p50": 2.0, "p99": 3.0, "max": 3.0}
    assert all(math.isnan(value) for value in quantiles([]).values())


@pytest.mark.parametrize(
    "name",
    [
        *("lateness", "dispatcher", "throughput", "flood", "halt"),
        *("watching", "alert_delivery", "audit"),
    ],
)
def test_a_benchmark_says_what_it_measures_when_asked_for_help(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = importlib.import_module(f"benchmarks.{name}")
    monkeypatch.setattr(sys, "argv", [name, "--help"])
    with pytest.raises(SystemExit) as ended:
        module.main()
    assert ended.value.code == 0
    assert "--json" in capsys.readouterr().out
