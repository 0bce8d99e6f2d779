"""CONTRIBUTING.md's worked examples work: each is added to a copy of the tree and used there."""

from pathlib import Path

from tests.support.repository import ROOT
from tests.support.worked_examples import Example, example, run_in, tree_with

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


def _is_in_the_projects_style(found: Example, tree: Path) -> None:
    config = ("--config", str(ROOT / "pyproject.toml"))
    run_in(tree, "-m", "ruff", "check", "--no-cache", *config, *found.new)
    run_in(tree, "-m", "ruff", "format", "--no-cache", "--check", *config, *found.new)
