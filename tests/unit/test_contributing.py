"""CONTRIBUTING.md's worked examples work: each is added to a copy of the tree and used there."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.documents.worked_examples import Example, example, run_in, tree_with
from tests.support.repository import ROOT

RUN_TESTS = """
import os, sys, pytest
plain = ["-q", "-c", os.devnull, "--noconftest", "-p", "no:cacheprovider"]
raise SystemExit(pytest.main([*plain, *sys.argv[1:]]))
"""

A_CHECK = """
from bot.decision.decide import deciding_files
from bot.risk.checks.registry import CHECKS
from bot.risk.limits import limits_from_config
from bot.risk.selftest import self_test
from config.thresholds import MLRiskConfigManager

config = MLRiskConfigManager(environment="production", trading_mode="conservative").get_config()
limits = limits_from_config(config)
names = [check.rule.name for check in CHECKS]
assert names[names.index("depth") + 1] == "book_balance"
assert self_test(limits) == ()
without = [check for check in CHECKS if check.rule.name != "book_balance"]
assert any("'book_balance'" in problem for problem in self_test(limits, without))
assert any(path.name == "balance.py" for path in deciding_files())
"""


def test_a_check_is_two_files_and_its_test(tmp_path: Path) -> None:
    found = example("A check of the gate")
    assert found.files == {"bot/risk/checks/balance.py", "bot/risk/checks/registry.py"}
    tree = tree_with(found, tmp_path)
    run_in(tree, "-c", A_CHECK + RUN_TESTS, *found.tests)
    _is_in_the_projects_style(found, tree)


A_LIMIT = """
import json, sys
from pathlib import Path
from bot.limits.changes import direction_of_value
from bot.risk.limits import config_path_of, limits_from_config
from bot.risk.selftest import self_test
from config import published
from config.loading import ConfigError
from config.thresholds import PACKAGED, MLRiskConfigManager
from console.output import stdout
from console.views.configuration import print_configuration

def read(**overrides):
    named = {f"gate.{key}": value for key, value in overrides.items()}
    return MLRiskConfigManager(PACKAGED, "production", "conservative", overrides=named).get_config()

# Without its base value the start is refused by name.
try:
    read()
except ConfigError as error:
    assert "gate.max_basis is missing" in str(error), error
else:
    raise AssertionError("a file without the key was taken")
assert set(path for path, text in published.published().items()
           if not path.exists() or path.read_text() != text) == set(published.published())
Path("docs").mkdir(exist_ok=True)
published.main()

# The file, the schema and the table have the key.
config = read()
assert config.gate.max_basis == 0.01
schema = json.loads(Path("config/ml_risk_config.schema.json").read_text())
key = schema["properties"]["base"]["properties"]["gate"]["properties"]["max_basis"]
assert (key["type"], key["exclusiveMinimum"], key["default"]) == ("number", 0, 0.01)
assert "`max_basis`" in Path("docs/limits.md").read_text()
for wrong in (0, 2, "wide"):
    try:
        read(max_basis=wrong)
    except ConfigError as error:
        assert "gate.max_basis must be a number above 0 up to 1" in str(error), error
    else:
        raise AssertionError(f"{wrong} was taken")

# `mlrisk config show` has its row, a change has its direction, and the gate has its value.
print_configuration(stdout(), config, origin=True, overrides_known=True)
assert direction_of_value("gate.max_basis", 0.01, 0.005) == "tightening"
assert direction_of_value("gate.max_basis", 0.005, 0.01) == "loosening"
limits = limits_from_config(read(max_basis=0.005))
assert limits.max_basis == 0.005
assert config_path_of("max_basis") == "gate.max_basis"
assert self_test(limits) == ()
"""


def test_a_limit_is_one_field_besides_the_check_that_reads_it(tmp_path: Path) -> None:
    found = example("A limit")
    check = {"bot/risk/checks/basis.py", "bot/risk/checks/registry.py"}
    assert found.files == {"config/limits.py", *check}
    tree = tree_with(found, tmp_path)
    shown = run_in(tree, "-c", A_LIMIT)
    (row,) = (line for line in shown.splitlines() if "gate.max_basis" in line)
    assert row.split()[1:5] == ["0.01", "share", "of", "the"]
    run_in(tree, "-c", RUN_TESTS, *found.tests)
    _is_in_the_projects_style(found, tree)


AN_ALGORITHM = """
import json
from dataclasses import replace
from bot.decision.decide import Approved, Denied, decide, deciding_files, gate_version
from bot.decision.parsing import parse_request, to_intent
from bot.decision.replay import replay
from bot.errors import BadMessage
from bot.risk.checks.breach import NOW, SYMBOL
from bot.risk.codec import to_json
from bot.risk.limits import RiskLimits
from bot.risk.selftest.baseline import healthy
from models.enums import Algorithm
from models.tables import DecisionRow

LIMITS = RiskLimits(max_slices=10)
SOUND = healthy(LIMITS)


def asked(interval=10, **parameters):
    signal = {"position_size": str(SOUND.notional), "algorithm": "front_loaded"}
    signal |= {"horizon_seconds": 60, "interval_seconds": interval, "parameters": parameters}
    request = {"request_id": "r-1", "symbol": SYMBOL, "side": "buy", "signal_data": signal}
    request |= {"ml_predictions": {}, "created_at": NOW.isoformat()}
    intent = to_intent(parse_request(json.loads(json.dumps(request))), "self-test", NOW)
    return replace(intent, model=SOUND.intent.model)


# The door reads the parameters by the algorithm's own model.
for wrong, field in (({"first_share": 2}, "first_share"), ({"other": 1}, "other")):
    try:
        asked(**wrong)
    except BadMessage as error:
        assert error.errors[0].field == f"signal_data.parameters.{field}", error.errors
    else:
        raise AssertionError(f"{wrong} passed")

# The gate counts its children, and the plan has as many.
intent = asked(first_share=0.4)
outcome = decide(intent, SOUND.snapshot, LIMITS)
assert isinstance(outcome, Approved), outcome.decision
assert outcome.decision.check("slices").raw_value == 6
slices = outcome.plan.schedule.slices
assert len(slices) == 6 and sum(s.qty for s in slices) == outcome.decision.approved_qty
assert abs(float(slices[0].qty / outcome.plan.qty) - 0.4) < 1e-3
assert outcome.plan.params["first_share"] == 0.4
many = decide(asked(interval=1), SOUND.snapshot, LIMITS)
assert isinstance(many, Denied) and many.decision.check("slices").raw_value == 60

# It may be the configured default, and its file is part of the gate's version.
working = replace(LIMITS.working, default_algorithm=Algorithm("front_loaded"))
chosen = decide(
    replace(SOUND.intent, algorithm=None), SOUND.snapshot, replace(LIMITS, working=working)
)
assert isinstance(chosen, Approved) and chosen.plan.algorithm == "front_loaded"
assert any(path.name == "front_loaded.py" for path in deciding_files())

# What was decided replays from its row.
row = DecisionRow(
    request_id="r-1",
    intent=json.loads(json.dumps(to_json(intent))),
    snapshot=json.loads(json.dumps(to_json(SOUND.snapshot))),
    limits=json.loads(json.dumps(to_json(LIMITS))),
    decision=json.loads(json.dumps(to_json(outcome.decision))),
    decided_at=NOW,
    gate_version=gate_version(),
)
(again,) = replay([row])
assert not again.differs, again
"""


def test_an_algorithm_is_two_files_and_its_test(tmp_path: Path) -> None:
    found = example("An execution algorithm")
    assert found.files == {
        "bot/execution/algorithms/front_loaded.py",
        "config/vocabulary.py",
    }
    tree = tree_with(found, tmp_path)
    run_in(tree, "-c", AN_ALGORITHM + RUN_TESTS, *found.tests)
    _is_in_the_projects_style(found, tree)


def test_a_name_without_its_algorithm_ends_the_start(tmp_path: Path) -> None:
    found = example("An execution algorithm")
    tree = tree_with(replace(found, new={}), tmp_path)
    with pytest.raises(AssertionError, match=r"No module named .*front_loaded"):
        run_in(tree, "-c", "import bot.risk.gate")


AN_EXCHANGE = """
import inspect
from bot.exchange import factory, protocol, streams
from bot.exchange.kiosk.adapter import KioskExchange, KioskStream, KioskStreams

def asked_of(protocol):
    known = {name: each for base in protocol.__mro__ for name, each in vars(base).items()}
    return {name: each for name, each in known.items() if not name.startswith("_")}

for protocol, made in (
    (protocol.Exchange, KioskExchange),
    (streams.Stream, KioskStream),
    (streams.Streams, KioskStreams),
):
    for name, method in asked_of(protocol).items():
        here = getattr(made, name)
        if callable(method):
            wanted, given = (list(inspect.signature(f).parameters.values()) for f in (method, here))
            assert [(p.name, p.kind, p.default) for p in wanted] == [
                (p.name, p.kind, p.default) for p in given
            ], (made, name)
assert list(factory.ADAPTERS) == ["bybit", "kiosk"]
"""


def test_an_exchange_is_one_package_and_one_line_in_the_factory(tmp_path: Path) -> None:
    """`tests/integration/bot/exchange/test_second_exchange.py` trades through it."""
    found = example("An exchange")
    package = {f"bot/exchange/kiosk/{name}.py" for name in ("__init__", "words", "adapter")}
    assert found.files == {"bot/exchange/factory.py", *package}
    assert not any("bybit" in text.lower() for text in found.new.values())
    tree = tree_with(found, tmp_path)
    shutil.copy(ROOT / "tests/support/kiosk_client.py", tree)
    run_in(tree, "-c", AN_EXCHANGE + RUN_TESTS, *found.tests)
    _is_in_the_projects_style(found, tree)


@pytest.mark.parametrize(
    ("title", "files"),
    [
        ("A command", {"console/commands/trading/algorithms.py", "console/cli.py"}),
        ("A Celery task with a schedule", {"tasks/monitoring.py", "workers/celery/schedule.py"}),
    ],
)
def test_a_command_and_a_task_work_as_shown(title: str, files: set[str], tmp_path: Path) -> None:
    found = example(title)
    assert found.files == files
    tree = tree_with(found, tmp_path)
    run_in(tree, "-c", RUN_TESTS, *found.tests)
    _is_in_the_projects_style(found, tree)


def _is_in_the_projects_style(found: Example, tree: Path) -> None:
    config = ("--config", str(ROOT / "pyproject.toml"))
    run_in(tree, "-m", "ruff", "check", "--no-cache", *config, *found.new)
    run_in(tree, "-m", "ruff", "format", "--no-cache", "--check", *config, *found.new)
