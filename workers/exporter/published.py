"""Writes docs/metrics.md from the declarations: `python -m workers.exporter.published`."""

from pathlib import Path

from workers.exporter.catalogue import CATALOGUE, MOST_SERIES
from workers.exporter.metric import Kind, Label, Metric

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = "docs/metrics.md"
_HEAD = f"""# Metrics

`make schema` writes this file from the declarations in `workers/exporter/catalogue.py`.

One process, `exporter`, answers for the whole system. `mlrisk status` and the live screen show its
address. `/metrics` has the text format of Prometheus, or OpenMetrics where the client asks for it.
`/healthz` answers 200 while the exporter is alive. `/readyz` answers 200 while the system may
trade, and otherwise 503 with the reasons as JSON.

Counters and histograms are sums over rows of Postgres. They survive the death of every process,
the exporter's own included, and count nothing twice. A counter may therefore be large at the first
scrape. Rows older than ten minutes are added up once and kept; once an hour everything is counted
anew. An answer waits for no server: it has the last readings, and `mlrisk_source_age_seconds` says
how old they are.

`docker compose --profile monitoring up --detach` starts Prometheus, Alertmanager and Grafana beside
the system, with the rules, alerts and dashboards of `deploy/`. [Runbooks](runbooks.md) has a
section for each alert. Alertmanager shows, groups and silences alerts; people are told by mlrisk
itself, and [Alertmanager's part is the dead man](alerts.md#alertmanager-and-the-dead-man). For
`mlrisk up`, let a Prometheus of your own scrape the address above.

There are at most {MOST_SERIES:,} series. No label has the id of a request. A label of free text has
a bound: further values are added up under `other`, and of ages the largest counts.

"""
_TABLE = "| Metric | Kind | Labels | Most series | Meaning |\n|---|---|---|---|---|\n"


def text() -> str:
    """The document as it must be."""
    rows = "\n".join(map(_row, CATALOGUE))
    return f"{_HEAD}{_TABLE}{rows}\n"


def _row(metric: Metric) -> str:
    kind = f"{metric.kind.shown} (0 or 1)" if metric.kind is Kind.WHILE else metric.kind.shown
    labels = ", ".join(_label(label, metric.most) for label in metric.labels)
    return f"| `{metric.name}` | {kind} | {labels} | {metric.most_series} | {metric.help} |"


def _label(label: Label, most: int) -> str:
    return f"`{label.name}` (at most {most})" if label.is_free else f"`{label.name}`"


def main() -> None:
    """Write the document where it is out of date."""
    file = ROOT / DOCUMENT
    if not file.exists() or file.read_text(encoding="utf-8") != text():
        file.write_text(text(), encoding="utf-8")


if __name__ == "__main__":
    main()
