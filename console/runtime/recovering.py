"""Shared parts of the commands that loosen: the account's breakers, and the report after them."""

from rich.markup import escape

from bot.clock import SystemClock
from bot.execution.ports import UNREADABLE
from bot.limits.source import ConfiguredLimits
from bot.safety.recovery import Recovery
from bot.state import binding
from config.settings import Settings
from console.output import stdout
from models.database import Database


def may_recover(db: Database, settings: Settings) -> bool:
    """Whether an act needs no login, as the database says it and not this caller."""
    with db.reading() as session:
        return binding.is_free(session, settings)


def may_end_halt(db: Database, settings: Settings) -> bool:
    """Whether a halt ends without a login: where loosening is free, unless
    `emergency_stops.manual_recovery_required` asks for a person. Limits that can't be read do."""
    if not may_recover(db, settings):
        return False
    try:
        rules = ConfiguredLimits(settings, db).limits().emergency
    except UNREADABLE:
        return False
    return not rules.manual_recovery_required


def breakers_of(settings: Settings, db: Database) -> Recovery:
    """The account's breakers on the running system's database."""
    return Recovery(db, settings.account, ConfiguredLimits(settings, db), SystemClock())


def tell(denying: tuple[str, ...]) -> None:
    """Prints whether new requests may trade, and if not, the reasons."""
    out = stdout()
    if not denying:
        out.print("[bold]ACTIVE[/]: new requests may trade")
        return
    out.print("[red]NOT trading[/]: what adds risk is still denied by")
    for line in denying:
        out.print(f"   {escape(line)}")
