"""The daily report as one HTML file of our own: no script, no other file."""

from collections.abc import Mapping
from typing import Any

from console.reports.daily import daily_document
from console.reports.document import Frame
from console.reports.html import page


def daily_html(facts: Mapping[str, Any], frame: Frame) -> str:
    """The whole page. Every text in it is escaped."""
    return page(daily_document(facts, frame))
