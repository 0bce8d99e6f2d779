"""Parts that the settings alone describe; the console uses them without any service."""

from bot.clock import Clock
from bot.decision.signing import Signatures
from bot.market.seal import Seal
from bot.safety.audit import heads as audit_heads
from bot.safety.audit.heads import HeadsFile
from config.settings import Settings
from models.transparency.submission import AUDIT_LOG, AUDIT_WITNESS, LogDirectory, WitnessDirectory


def market_seal(settings: Settings, clock: Clock) -> Seal | None:
    """The seal that proves that a market in Redis comes from our feed; None without a market
    key."""
    if settings.market_key is None:
        return None
    return Seal(settings.market_key.get_secret_value(), clock)


def message_signatures(settings: Settings, clock: Clock) -> Signatures | None:
    """The check that a message comes from its strategy; None without a message key."""
    if settings.message_key is None:
        return None
    key = settings.message_key.get_secret_value()
    return Signatures(key, clock, settings.oldest_generations)


def heads_file(settings: Settings) -> HeadsFile:
    """The file outside the database that notes the heads of the audit chains."""
    key = settings.market_key
    path = settings.audit_heads or settings.home / audit_heads.FILE
    return HeadsFile(path, None if key is None else key.get_secret_value())


def audit_directories(settings: Settings) -> tuple[LogDirectory, WitnessDirectory]:
    """Where the audit log and its witness have their keys and files."""
    return (
        LogDirectory(settings.audit_log or settings.home / AUDIT_LOG),
        WitnessDirectory(settings.audit_witness or settings.home / AUDIT_WITNESS),
    )
