"""Alert levels of events as in "Alerting System" of the original interface, and log levels."""

import logging

from models.alerts.levels import loudest as loudest
from models.alerts.levels import of_breaker as of_breaker
from models.alerts.levels import of_decision as of_decision
from models.alerts.levels import of_entry as of_entry
from models.enums import AlertLevel

LOG_LEVELS = {
    AlertLevel.INFO: logging.INFO,
    AlertLevel.WARNING: logging.WARNING,
    AlertLevel.CRITICAL: logging.CRITICAL,
    AlertLevel.EMERGENCY: logging.CRITICAL,
}
"""Logging knows nothing above critical; the line's field `alert` does."""
