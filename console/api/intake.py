"""Takes submitted requests: what stands between the interface and the validation worker."""

from functools import cached_property
from threading import Lock

from bot.decision.admitting import StrategyAdmission
from bot.decision.quotas import Quotas
from bot.decision.requests import Admission
from bot.decision.signing import Signatures
from bot.execution.ports import AccountDeps, DispatcherOnly, TaskQueue
from bot.limits.source import ConfiguredLimits
from config.settings import Settings
from console.runtime.operator import task_queue
from console.web.desk import Desk


class Intake:
    """Admits requests into the running system. Any thread may use it."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._lock = Lock()
        self._limits: ConfiguredLimits | None = None

    def accept(self, text: str, signature: object, strategy: str) -> str:
        """Writes the request's row and returns its key. Raises BadMessage."""
        desk = self._desk
        settings = desk.settled()
        deps = AccountDeps(desk.db, settings.account, desk.clock, self._queue(settings))
        quotas = Quotas(desk.db, settings.account, self._limits_of(settings), desk.clock)
        return StrategyAdmission(Admission(deps), quotas, self._signatures).accept(
            text, signature, strategy
        )

    @cached_property
    def _signatures(self) -> Signatures | None:
        """The check of signatures, as the worker that reads messages has it; None without keys."""
        settings = self._desk.acting_settings
        if settings.message_key is None:
            return None
        key = settings.message_key.get_secret_value()
        return Signatures(key, self._desk.clock, settings.oldest_generations)

    def _limits_of(self, settings: Settings) -> ConfiguredLimits:
        with self._lock:
            if self._limits is None:
                # Quotas alone are read here, so that nothing needs to be proven.
                self._limits = ConfiguredLimits(settings, self._desk.db, prove=lambda _: ())
            return self._limits

    def _queue(self, settings: Settings) -> TaskQueue:
        """Where no Redis answers, the dispatcher finds the row."""
        return task_queue(settings) or DispatcherOnly()
