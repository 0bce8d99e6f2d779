"""One alert in a line: text of others stays text."""

from datetime import UTC, datetime

from rich.text import Text

from console.views.live.alert_facts import facts_of, line_of
from models.enums import AlertLevel, AlertState
from models.tables import AlertRow

T0 = datetime(2026, 11, 30, 9, tzinfo=UTC)


def alert(**changes: object) -> AlertRow:
    values = {
        "alert_id": 17,
        "level": AlertLevel.CRITICAL,
        "state": AlertState.OPEN,
        "first_seen": T0,
        "count": 3,
        "text": "an order is lost: [red]gone[/]",
    }
    return AlertRow(**{**values, **changes})


def test_a_line_has_level_state_count_and_the_text_as_it_stands() -> None:
    told = Text.from_markup(line_of(alert())).plain
    assert told == (
        "   17 critical open, since 2026-11-30T09:00:00.000Z 3 times: an order is lost: "
        "[red]gone[/]"
    )
    assert " times" not in line_of(alert(count=1))


def test_the_facts_name_the_deliveries() -> None:
    facts = facts_of(alert(), [{"channel": "desk"}])
    assert (facts["id"], facts["deliveries"]) == (17, [{"channel": "desk"}])
