"""The feed's reports on its streams: their state, and the symbols that the exchange refuses."""

from collections.abc import Iterable, Mapping

from bot.clock import Clock
from bot.exchange.streams import StreamHealth
from models.database import Database


def beat_of(health: Iterable[StreamHealth]) -> dict[str, object]:
    """The details of the feed's heartbeat, which `mlrisk doctor` judges."""
    found: dict[str, object] = {}
    refused: dict[str, str] = {}
    for stream in health:
        found[stream.name] = stream.state.value
        found[f"{stream.name}_silent_seconds"] = stream.silent_seconds
        found[f"{stream.name}_last_fault"] = stream.last_fault
        refused |= stream.refused
    return {**found, "refused": refused}


class Refusals:
    """Puts a symbol's refusal, and its end, into the audit record once."""

    def __init__(self, db: Database, account: str, clock: Clock) -> None:
        self._db = db
        self._account = account
        self._clock = clock
        self._told: dict[str, str] = {}

    def note(self, refused: Mapping[str, str]) -> None:
        """Records the changes since the last call.

        `refused` is the exchange's reason by symbol.
        """
        changed = {s: why for s, why in refused.items() if s not in self._told}
        over = [s for s in self._told if s not in refused]
        if not changed and not over:
            return
        now = self._clock.now()
        with self._db.unit_of_work() as uow:
            for symbol, why in changed.items():
                uow.audit(self._account, "symbol_refused", symbol, "feed", {"why": why}, now)
            for symbol in over:
                uow.audit(self._account, "symbol_taken", symbol, "feed", {}, now)
            uow.commit()
        self._told = dict(refused)
