"""The services of one worker process, built on first use inside it and never shared over a fork."""

import os
from dataclasses import dataclass

from bot import failpoints
from bot.clock import SystemClock
from bot.errors import ClockRefused
from bot.state import binding, disk_room, fitness
from bot.state.fitness import Fitness
from config.celery import MARKET_DATABASE as MARKET_DATABASE
from config.settings import Settings, load_settings
from models.database import Database
from tasks.wiring.by_settings import audit_directories as audit_directories
from tasks.wiring.by_settings import heads_file as heads_file
from tasks.wiring.by_settings import market_seal as market_seal
from tasks.wiring.by_settings import message_signatures as message_signatures
from tasks.wiring.watching import WatchingServices


@dataclass(frozen=True)
class Services(WatchingServices):
    """The services that tasks call. Each is made on its first use."""

    def check_fitness(self) -> Fitness:
        """Asks the exchange whether the account may trade, and stores its answer."""
        return fitness.ask(
            self.db,
            self.exchange,
            self.settings.account,
            self.settings.symbol_list,
            self.clock,
            home=self.settings.home,
        )

    def watch_room(self) -> None:
        """Stops new risk before Postgres runs out of disk, and allows it again when there is
        room."""
        account, home = self.settings.account, self.settings.home
        short = disk_room.shortage(home)
        if short is not None:
            fitness.after_shortage(self.db, account, short, self.clock)
        elif disk_room.is_back(home) and fitness.room_was_short(self.db, account):
            self.check_fitness()

    def tell_wrong_clock(self, error: ClockRefused) -> None:
        """Stops new risk after the exchange refused a request because our clock is wrong."""
        fitness.after_clock_refusal(self.db, self.settings.account, error, self.clock)

    def watch_clock(self) -> bool:
        """Stops new risk while our clock is too far from the exchange's; tells whether it is right.

        Work resumes soon after it is right again: the next check of the whole account may be
        minutes away.
        """
        account = self.settings.account
        if not fitness.compare_clocks(self.db, self.exchange, account, self.clock):
            return False
        return not fitness.clock_was_wrong(self.db, account) or self.check_fitness().ok


_services: Services | None = None
_services_pid: int | None = None


def services() -> Services:
    """This process's services; a forked child gets its own, never its parent's."""
    global _services, _services_pid
    if _services is None or _services_pid != os.getpid():
        settings = load_settings()
        failpoints.arm(settings.failpoint)
        _services = Services(_settled(settings), SystemClock())
        _services_pid = os.getpid()
    return _services


def _settled(settings: Settings) -> Settings:
    """The settings, with unset ones from the database's binding. Raises WrongIdentity."""
    db = Database(settings.require_database_url(), pool_size=1)
    try:
        return binding.settled(db, settings)
    finally:
        db.dispose()
