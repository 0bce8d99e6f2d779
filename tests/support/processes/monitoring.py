"""Debian's programs of Prometheus for tests, and what our files of rules and dashboards say."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.support.repository import ROOT, text_of

RULES = "deploy/prometheus/rules.yml"
RULE_TESTS = "deploy/prometheus/rules.test.yml"
PROMETHEUS = "deploy/prometheus/prometheus.yml"
ALERTMANAGER = "deploy/alertmanager/alertmanager.yml"
DASHBOARDS = tuple(sorted((ROOT / "deploy/grafana/dashboards").glob("*.json")))


def program(name: str) -> str:
    """The path of `promtool`, `amtool` or `prometheus`. Without it the test is skipped, except in
    continuous integration, which installs it (`.ci/run`)."""
    found = shutil.which(name)
    if found is None:
        why = f"{name} is not on this machine (Debian: prometheus, prometheus-alertmanager)"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def run(*words: str) -> "subprocess.CompletedProcess[str]":
    """Runs a program of theirs in the root of the repository."""
    return subprocess.run(
        [program(words[0]), *words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )


def alerts() -> list[dict[str, Any]]:
    """Every alert of our rules."""
    return [rule for rule in rules() if "alert" in rule]


def rules() -> list[dict[str, Any]]:
    """Every rule of ours."""
    groups = yaml.safe_load(text_of(RULES))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> Iterator[tuple[str, str, str]]:
    """Dashboard, title and query of each panel."""
    for path in DASHBOARDS:
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            for target in panel["targets"]:
                yield path.stem, panel["title"], target["expr"]


def names_in(expression: str) -> set[str]:
    """The metrics and recorded ratios that a query names."""
    return set(re.findall(r"\bmlrisk(?:_[a-z]+)+\b|\bmlrisk:[a-z_]+:[a-z0-9]+\b", expression))
