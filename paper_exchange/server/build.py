"""Builds a ready exchange from options. Only this module knows market, engine and server alike."""

import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import EngineSettings
from paper_exchange.journal import JournalWriter
from paper_exchange.market.factory import open_source
from paper_exchange.server.accounts import default_accounts, load_accounts, parse_balances
from paper_exchange.server.app import PaperServer
from paper_exchange.server.clock import Clock, FreeClock, ScaledClock, wall_ms
from paper_exchange.server.exchange import Exchange, ServerSettings
from paper_exchange.server.faults.catalogue import FaultBoard, parse_fault
from paper_exchange.server.venue.state import StateKeeper
from paper_exchange.server.venue.venue import Venue

log = logging.getLogger(__name__)

JOURNAL_NAME = "journal.jsonl"


@dataclass(frozen=True, slots=True)
class Options:
    """The options with which a person starts the exchange."""

    server: ServerSettings = field(default_factory=ServerSettings)
    engine: EngineSettings | None = None
    market: str = "auto"
    recordings: Path | None = None
    """The directory of recorded markets."""
    symbols: tuple[str, ...] | None = None
    seed: int = 1
    updates: int = 1
    """The books that a synthetic instrument publishes in 100 ms."""
    speed: float = 1.0
    """Speed as a multiple of real time; 0 is as fast as the machine can."""
    accounts: Path | None = None
    balances: str | None = None
    """The balances of the development account, such as `USDT=1000,BTC=1`."""
    journal: Path | None = None
    state_dir: Path | None = None
    faults: Sequence[str] = ()
    scenario: Path | None = None


class Running:
    """A built exchange with its journal: started and stopped as one."""

    def __init__(
        self, server: PaperServer, journal: JournalWriter | None, keeper: StateKeeper | None
    ) -> None:
        self.server = server
        self._journal = journal
        self._keeper = keeper

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self.server.port

    @property
    def url(self) -> str:
        """The base address of REST."""
        return self.server.url

    async def start(self) -> None:
        """Opens the port and journals the start."""
        await self.server.start()
        self.server.exchange.venue.journal("start", {"port": self.port})

    async def stop(self) -> None:
        """Closes the server, then saves its state and closes the journal."""
        await self.server.stop()
        self.server.exchange.venue.journal("stop", {})
        if self._keeper is not None:
            self._keeper.close()
        if self._journal is not None:
            self._journal.close()


def build(options: Options) -> Running:
    """Makes an exchange that is ready to start.

    Raises an error when the market, the accounts or the stored state can't be read.
    """
    source = open_source(
        options.market,
        seed=options.seed,
        symbols=options.symbols,
        recordings=options.recordings,
        updates=options.updates,
    )
    if options.accounts is not None:
        accounts = load_accounts(options.accounts)
    elif options.balances is not None:
        accounts = default_accounts(parse_balances(options.balances))
    else:
        accounts = default_accounts()
    # Identifiers must differ from those of any earlier run, because clients keep them for ever.
    settings = options.engine or EngineSettings(seed=int.from_bytes(os.urandom(6)))
    engine = PaperEngine(source.instruments(), {a.uid: a.config for a in accounts}, settings)
    engine.world.ids = wall_ms() * 1000
    # The same holds for the sequence, which the market moves between two saves of the state.
    engine.world.seq = wall_ms() * 100
    clock: Clock = FreeClock() if options.speed == 0 else ScaledClock(options.speed)
    path = options.journal
    if path is None and options.state_dir is not None:
        path = options.state_dir / JOURNAL_NAME
    journal = JournalWriter(path) if path is not None else None
    faults = FaultBoard(options.seed)
    for text in options.faults:
        faults.add(**parse_fault(text))
    venue = Venue(source, engine, clock, journal)
    if options.state_dir is not None:
        venue.keeper = StateKeeper(options.state_dir, engine)
        if venue.keeper.load():
            log.info("state restored from %s", options.state_dir)
        venue.keeper.save()
    exchange = Exchange(venue, {a.uid: a for a in accounts}, options.server, faults, engine)
    return Running(PaperServer(exchange, options.scenario), journal, venue.keeper)
