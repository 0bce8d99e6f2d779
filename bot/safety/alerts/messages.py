"""Messages to people about alerts, in plain text that steers no mail, chat or page.

Reasons and names in an alert may be text of others. No line of it becomes a header, a link, a
mention or markup.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.safety.alerts.telling import Told
from models.characters import visible_line
from models.enums import AlertLevel, AlertNews

_LONGEST_TITLE = 120
_SUMMED = 20
"""So many alerts have a line of their own in a summary."""
_NEWS = {AlertNews.RAISED: "", AlertNews.REPEATED: "STILL OPEN ", AlertNews.CLEARED: "OVER "}
_MARKUP = str.maketrans("<>`*[]&|", "‹›'∗()+/")
_MENTION = re.compile(r"@(?=\w)")
_LINK = re.compile(r"(?<=\w)://")


@dataclass(frozen=True, slots=True)
class Message:
    """A title of one line, and a text of several."""

    title: str
    body: str


def message_of(told: Sequence[Told], account: str) -> Message:
    """The message about one alert, or about several in one."""
    return _single(told[0], account) if len(told) == 1 else _summary(told, account)


def harmless(text: str) -> str:
    """The text in one line, without characters that mean something to mails, chats or pages."""
    line = visible_line(text).translate(_MARKUP)
    return _LINK.sub(": //", _MENTION.sub("@ ", line))


def outage(name: str, seconds: float, account: str, *, over: bool) -> Message:
    """The message that a server can't be reached, which no row can tell."""
    if over:
        return Message(
            _title(AlertLevel.INFO, account, f"{name} answers again"),
            f"{name} answers again after {seconds:.0f} s. Alerts are read from there again.",
        )
    return Message(
        _title(AlertLevel.EMERGENCY, account, f"{name} can't be reached"),
        f"{name} has not answered for {seconds:.0f} s. Nothing that adds risk goes out, and no "
        "other alert can be read until it answers.",
    )


def _title(level: AlertLevel, account: str, text: str) -> str:
    return harmless(f"mlrisk {account} {level.upper()}: {text}")[:_LONGEST_TITLE]


def _single(one: Told, account: str) -> Message:
    text = harmless(one.text)
    lines = [
        text,
        "",
        f"level: {one.level}",
        f"state: {one.state}",
        f"seen: {one.count} times since {_utc(one.first_seen)}",
        f"message: {one.alert_id}.{one.round}",
    ]
    if one.attempts > 1:
        lines.append(f"attempt: {one.attempts}; the same message may have come before")
    if one.news is not AlertNews.CLEARED:
        lines += ["", f'mlrisk alert ack {one.alert_id} --reason "..."']
    return Message(_title(one.level, account, _NEWS[one.news] + text), "\n".join(lines))


def _summary(told: Sequence[Told], account: str) -> Message:
    levels = Counter(one.level for one in told)
    counts = ", ".join(f"{levels[each]} {each}" for each in reversed(AlertLevel) if levels[each])
    lines = [
        f"{len(told)} alerts were held back because so many came at once: {counts}.",
        "",
        *(
            f"{one.alert_id}.{one.round} {one.level}: {_NEWS[one.news]}{harmless(one.text)}"
            for one in told[:_SUMMED]
        ),
    ]
    if len(told) > _SUMMED:
        lines.append(f"and {len(told) - _SUMMED} more")
    lines += ["", "mlrisk alert list"]
    return Message(
        _title(told[0].level, account, f"{len(told)} alerts: {counts}"), "\n".join(lines)
    )


def _utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
