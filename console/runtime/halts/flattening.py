"""The parts of this process that flatten positions, without a worker or Redis."""

from dataclasses import dataclass

from bot.clock import Clock
from bot.exchange.protocol import Exchange
from bot.execution.ports import DispatcherOnly, TaskQueue
from bot.safety.halting.flattening import Flattener
from config.settings import Settings
from models.database import Database
from tasks.bootstrap import Services


@dataclass(frozen=True)
class _OwnServices(Services):
    """The services of this process, without messages: no broker and no worker is waited for."""

    @property
    def task_queue(self) -> TaskQueue:
        """Nobody is told; this process does each step itself."""
        return DispatcherOnly()


def flattener(db: Database, settings: Settings, exchange: Exchange, clock: Clock) -> Flattener:
    """Closes positions by the services of this process alone."""
    return _OwnServices(settings, clock).flattener_at(exchange, db)
