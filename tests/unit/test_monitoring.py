"""Rules, alerts, dashboards and their runbooks: complete, tested, and about metrics that exist."""

import json
import re
import tempfile
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.risk.portfolio.kinds import AlertLevel
from tests.support.processes.monitoring import (
    ALERTMANAGER,
    DASHBOARDS,
    PROMETHEUS,
    RULE_TESTS,
    RULES,
    alerts,
    names_in,
    panels,
    rules,
    run,
)
from tests.support.repository import text_of
from workers.exporter.catalogue import CATALOGUE
from workers.exporter.metric import Kind

ALWAYS = "DeadMan"
"""The alert that always fires, so that it has no negative case."""


def _known() -> dict[str, set[str]]:
    """The labels of each series that a query may name."""
    found: dict[str, set[str]] = {}
    for metric in CATALOGUE:
        labels = {label.name for label in metric.labels}
        if metric.kind is Kind.HISTOGRAM:
            found[f"{metric.name}_bucket"] = labels | {"le"}
            found |= {f"{metric.name}_{part}": labels for part in ("sum", "count")}
        else:
            found[metric.name] = labels
    return found | {rule["record"]: set() for rule in rules() if "record" in rule}


def _cases() -> list[tuple[str, bool]]:
    """The alert of each case, and whether it must fire."""
    found = []
    for case in yaml.safe_load(text_of(RULE_TESTS))["tests"]:
        for asked in case["promql_expr_test"]:
            name = re.search(r'alertname="(\w+)"', asked["expr"])
            assert name is not None, asked
            found.append((name[1], bool(asked["exp_samples"])))
    return found


def test_each_alert_waits_holds_on_has_a_level_and_a_runbook() -> None:
    headings = re.findall(r"^## (\w+)$", text_of("docs/runbooks.md"), re.MULTILINE)
    names = [alert["alert"] for alert in alerts()]
    assert sorted(set(names)) == sorted(names)
    for alert in alerts():
        name = alert["alert"]
        assert {"for", "keep_firing_for"} <= alert.keys(), name
        assert alert["labels"]["severity"] in {level.value for level in AlertLevel}, name
        assert alert["annotations"]["summary"], name
        page, _, anchor = alert["annotations"]["runbook"].partition("#")
        assert page == "docs/runbooks.md", name
        assert anchor in {heading.lower() for heading in headings}, name
    assert sorted(headings) == sorted(names), "a runbook without an alert misleads"


def test_all_four_levels_are_used() -> None:
    used = {alert["labels"]["severity"] for alert in alerts()}
    assert used == {level.value for level in AlertLevel}


def test_each_alert_has_a_case_in_which_it_fires_and_one_in_which_it_is_silent() -> None:
    cases = set(_cases())
    for alert in alerts():
        name = alert["alert"]
        assert (name, True) in cases, name
        assert (name, False) in cases or name == ALWAYS, name
    assert {name for name, _ in cases} == {alert["alert"] for alert in alerts()}


def test_queries_name_series_and_labels_that_the_exporter_has() -> None:
    known = _known()
    asked = [(title, query) for _, title, query in panels()]
    asked += [(rule.get("alert") or rule["record"], rule["expr"]) for rule in rules()]
    used = set()
    for title, query in asked:
        names = names_in(query)
        assert names <= known.keys() or query == "vector(1)", (title, names - known.keys())
        used |= names
        for name, matchers in re.findall(r"\b(mlrisk_\w+)\{([^}]*)\}", query):
            labels = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers))
            assert labels <= known[name], (title, name)
    shown = used | {name.rpartition("_")[0] for name in used}
    silent = {metric.name for metric in CATALOGUE} - shown
    assert silent == set(), "metrics that nobody shows"


def test_dashboards_are_provisioned_and_have_ids_of_their_own() -> None:
    source = yaml.safe_load(text_of("deploy/grafana/provisioning/datasources/mlrisk.yml"))
    uid = source["datasources"][0]["uid"]
    assert len(DASHBOARDS) == 3
    for path in DASHBOARDS:
        board: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        assert board["uid"] == path.stem
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)
        places = [tuple(panel["gridPos"].values())[:2] for panel in board["panels"]]
        assert len(set(places)) == len(places), path.stem
        for panel in board["panels"]:
            assert panel["datasource"]["uid"] == uid
            assert panel["targets"], panel["title"]
    compose = yaml.safe_load(text_of("docker-compose.yml"))
    mounted = [volume.split(":")[0] for volume in compose["services"]["grafana"]["volumes"]]
    assert {"./deploy/grafana/provisioning", "./deploy/grafana/dashboards"} <= set(mounted)


def test_prometheus_accepts_rules_and_configuration() -> None:
    for words in (("rules", RULES), ("config", PROMETHEUS)):
        done = run("promtool", "check", *words)
        assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_its_configuration() -> None:
    done = run("amtool", "check-config", ALERTMANAGER)
    assert done.returncode == 0, done.stdout + done.stderr


def test_alertmanager_accepts_the_receiver_of_the_dead_mans_alert(tmp_path: Path) -> None:
    """As docs/alerts.md has it, in the place of ours."""
    indented = re.search(r"```yaml\n(.*?)```", text_of("docs/alerts.md"), re.DOTALL)
    assert indented is not None
    receiver = yaml.safe_load(textwrap.dedent(indented[1]))
    whole = yaml.safe_load(text_of(ALERTMANAGER))
    others = [each for each in whole["receivers"] if each["name"] != receiver["name"]]
    assert len(others) == len(whole["receivers"]) - 1
    own = tmp_path / "alertmanager.yml"
    own.write_text(yaml.safe_dump({**whole, "receivers": [*others, receiver]}))
    done = run("amtool", "check-config", str(own))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("alert", "level", "receiver"),
    [
        ("DeadMan", "info", "dead-man"),
        ("EmergencyStop", "critical", "people-now"),
        ("ModelBroken", "emergency", "people-now"),
        ("HighBlockRate", "warning", "people"),
        ("ManySeries", "info", "nobody"),
    ],
)
def test_alerts_are_routed_by_their_level(alert: str, level: str, receiver: str) -> None:
    words = (f"--config.file={ALERTMANAGER}", f"alertname={alert}", f"severity={level}")
    done = run("amtool", "config", "routes", "test", *words)
    assert done.stdout.split() == [receiver], done.stderr


def test_each_alert_fires_and_is_silent_as_its_cases_say() -> None:
    done = run("promtool", "test", "rules", RULE_TESTS)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_broken_rule_is_noticed() -> None:
    """The check of the check: an alert that never fires fails its case."""
    with tempfile.TemporaryDirectory() as directory:
        place = Path(directory)
        broken = text_of(RULES).replace("mlrisk_account_fit == 0", "mlrisk_account_fit == 7")
        (place / "rules.yml").write_text(broken)
        whole = yaml.safe_load(text_of(RULE_TESTS))
        whole["tests"] = [case for case in whole["tests"] if "AccountUnfit" in case["name"]]
        (place / "rules.test.yml").write_text(yaml.safe_dump(whole))
        done = run("promtool", "test", "rules", str(place / "rules.test.yml"))
    assert done.returncode != 0
