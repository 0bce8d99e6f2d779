"""The declared metrics: names with units, bounded series, plain meanings, and their document."""

import re

from workers.exporter.catalogue import CATALOGUE, MOST_SERIES
from workers.exporter.metric import Kind

UNITS = ("_seconds", "_ratio", "_bytes")


def test_all_metrics_together_stay_within_the_budget() -> None:
    assert sum(metric.most_series for metric in CATALOGUE) <= MOST_SERIES


def test_names_are_unique_and_follow_the_conventions() -> None:
    names = [metric.name for metric in CATALOGUE]
    assert len(set(names)) == len(names)
    for metric in CATALOGUE:
        assert re.fullmatch(r"mlrisk_[a-z_]+", metric.name), metric.name
        assert metric.name.endswith("_total") == (metric.kind is Kind.COUNTER), metric.name
        if metric.kind in (Kind.AGE, Kind.HISTOGRAM):
            assert metric.name.endswith(UNITS), metric.name
        assert list(metric.buckets) == sorted(set(metric.buckets)), metric.name
        assert bool(metric.buckets) == (metric.kind is Kind.HISTOGRAM), metric.name
        assert re.search(r"[.;]?[^.]+\.$", metric.help), metric.name


def test_no_label_can_grow_without_bound() -> None:
    unbounded = ("request", "order", "exec", "child", "trace", "id", "pid", "time", "actor")
    for metric in CATALOGUE:
        for label in metric.labels:
            assert label.name not in unbounded, metric.name
            assert label.values or 1 <= metric.most <= 80, metric.name
