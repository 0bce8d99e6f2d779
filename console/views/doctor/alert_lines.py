"""The lines of `mlrisk doctor` and `mlrisk status` about alerts and the channels that tell them."""

from sqlalchemy.orm import Session

from bot.safety.alerts import channels
from bot.safety.alerts.channels import ChannelHealth
from config.settings import Settings
from console.context import reading
from console.output import utc
from console.runtime.health_check import HealthCheck
from console.views.live.alert_facts import open_counts

NOBODY = "no channel is set (MLRISK_ALERT_CHANNELS_FILE): nobody is told of alerts"


def alert_lines(settings: Settings) -> list[HealthCheck]:
    """Alerts that wait for an operator, and each channel."""
    with reading(settings.require_database_url()) as session:
        counts = open_counts(session)
        lines = channel_lines(session)
    told = ", ".join(f"{count} {level}" for level, count in counts.items())
    waiting = f"{told} wait for an operator (`mlrisk alert list`)" if counts else "none is open"
    return [HealthCheck("alerts", True, waiting, down=False, warning=bool(counts)), *lines]


def channel_lines(session: Session) -> list[HealthCheck]:
    """Each channel in use. Without any, a line says that nobody is told."""
    found = channels.health(session)
    if not found:
        return [HealthCheck("alert channels", True, NOBODY, down=False, warning=True)]
    return [
        HealthCheck(f"alert channel {each.name}", each.problem is None, words_of(each))
        for each in found
    ]


def words_of(channel: ChannelHealth) -> str:
    """A channel in one line, without its address."""
    last = "nothing yet" if channel.delivered_at is None else f"last {utc(channel.delivered_at)}"
    words = f"{channel.service}, from {channel.min_level} on, delivered {last}"
    return words if channel.problem is None else f"{channel.problem} ({words})"
