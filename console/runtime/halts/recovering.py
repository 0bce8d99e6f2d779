"""Shared parts of the commands that loosen: the account's breakers, and the report after them."""

from rich.markup import escape

from bot.clock import SystemClock
from bot.errors import MlriskError
from bot.execution.ports import UNREADABLE
from bot.limits.source import ConfiguredLimits
from bot.safety.recovery.preview import Preview, Resting, preview, resting_orders
from bot.safety.recovery.resetting import Recovery
from bot.state import binding
from bot.state.scope import Scope
from config.settings import Settings, SettingsError
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


def preview_of(settings: Settings, db: Database, scope: Scope) -> Preview:
    """What a recovery of the scope would do."""
    denying = breakers_of(settings, db).still_denying()
    return preview(db, scope, denying, _resting(settings, db))


def _resting(settings: Settings, db: Database) -> Resting:
    """The orders at the exchange. A recovery is shown without them where nobody can ask."""
    # These imports take half a second.
    from bot.exchange.factory import make_exchange

    try:
        exchange = make_exchange(settings, SystemClock())
    except (SettingsError, MlriskError) as error:
        return Resting(None, str(error))
    try:
        return resting_orders(db, exchange)
    finally:
        exchange.close()


def tell(denying: tuple[str, ...]) -> None:
    """Prints whether new requests may trade, and if not, the reasons."""
    out = stdout()
    if not denying:
        out.print("[bold]ACTIVE[/]: new requests may trade")
        return
    out.print("[red]NOT trading[/]: what adds risk is still denied by")
    for line in denying:
        out.print(f"   {escape(line)}")
