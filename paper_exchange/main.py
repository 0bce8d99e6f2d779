"""Starts the paper exchange from a shell: `python -m paper_exchange.main --port P`."""

import argparse
import asyncio
import contextlib
import gc
import logging
import os
import signal
import sys
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

from paper_exchange import recorder
from paper_exchange.engine.settings import EngineSettings, ImpactSettings
from paper_exchange.errors import PaperExchangeError
from paper_exchange.server.build import Options, build
from paper_exchange.server.exchange import ServerSettings
from paper_exchange.server.faults.catalogue import CATALOGUE
from paper_exchange.server.faults.scenario import SCHEMA_FILE

log = logging.getLogger("paper_exchange")

PARENT_CHECK_SECONDS = 1.0
COLLECTOR_THRESHOLDS = (2_000, 10, 50)
"""New objects before a scan of these, and scans of a generation before one of the next older.

The oldest generation holds every order, and a scan of it takes longer than an answer may.
"""
SCRIPT = "bybit-paper"
"""The console script where the package is installed alone."""
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    p = argparse.ArgumentParser(
        prog=SCRIPT if Path(sys.argv[0]).name == SCRIPT else "mlrisk paper-exchange",
        description="An exchange on this machine that speaks Bybit's V5 protocol. Development "
        "keys: paper-key / paper-secret. Stop it with Ctrl-C or SIGTERM. "
        "`record --help` tells how public streams are recorded.",
        epilog="faults: " + "; ".join(f"{n}: {k.about}" for n, k in CATALOGUE.items()),
    )
    p.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    p.add_argument("--port", type=int, default=8099, help="port; 0 picks a free one (%(default)s)")
    p.add_argument("--port-file", type=Path, help="write the port here when ready")
    p.add_argument("--tls-certificate", type=Path, metavar="PEM", help="speak TLS with this chain")
    p.add_argument("--tls-key", type=Path, metavar="PEM", help="its key; default: in the chain")
    market = p.add_argument_group("market")
    market.add_argument(
        "--market",
        default="auto",
        metavar="SPEC",
        help="auto (recorded Bybit session by MLRISK_RECORDINGS, else synthetic), bybit, binance, "
        "bars or synthetic (%(default)s)",
    )
    market.add_argument(
        "--recordings",
        type=Path,
        default=os.environ.get("MLRISK_RECORDINGS"),
        help="directory of recorded markets (MLRISK_RECORDINGS)",
    )
    market.add_argument("--symbols", help="comma-separated; default: all of the market")
    market.add_argument("--seed", type=int, default=1, help="seed of market and faults")
    market.add_argument(
        "--book-updates",
        type=int,
        default=1,
        metavar="N",
        help="books of a synthetic instrument in 100 ms; with 5 they come every 10 to 20 ms "
        "(%(default)s)",
    )
    market.add_argument(
        "--speed", type=float, default=1.0, help="times real time; 0 as fast as it goes"
    )
    matching = p.add_argument_group("matching")
    matching.add_argument(
        "--impact",
        action="store_true",
        help="our own trades move the prices that we meet (square-root law with decay)",
    )
    matching.add_argument(
        "--effect-delay-ms", type=int, default=3, help="from an order's reply to its effect"
    )
    matching.add_argument(
        "--effect-jitter-ms",
        type=float,
        default=0,
        help="mean of a random delay on top (exponential; an account's requests keep their order)",
    )
    matching.add_argument(
        "--cancel-front-share",
        type=Decimal,
        default=Decimal(1),
        help="of a level's cancels that moves us up in proportion; 0: only trades move us up",
    )
    matching.add_argument(
        "--realtime-lag-ms", type=int, default=0, help="age of what order/realtime shows"
    )
    matching.add_argument(
        "--history-lag-ms", type=int, default=0, help="age of what history and executions show"
    )
    matching.add_argument(
        "--insurance-fund",
        type=Decimal,
        metavar="USDT",
        help="when it can't bear a bankruptcy, profitable positions of the other side are closed; "
        "default: it never ends",
    )
    state = p.add_argument_group("accounts and state")
    state.add_argument("--accounts", type=Path, help="YAML or JSON file of accounts and keys")
    state.add_argument(
        "--balances",
        metavar="COIN=AMOUNT,…",
        help="of the development account; default: USDT=100000,BTC=1,ETH=10",
    )
    state.add_argument("--state-dir", type=Path, help="keep accounts, orders and fills here")
    state.add_argument(
        "--journal", type=Path, help="JSON-lines record of all that was accepted and filled"
    )
    doors = p.add_argument_group("doors")
    doors.add_argument("--order-rate", type=int, help="orders per second and UID; 0: no limit")
    doors.add_argument("--read-rate", type=int, help="reads per second and UID; 0: no limit")
    doors.add_argument("--ip-rate", type=int, default=600, help="requests per 5 s; 0: no limit")
    doors.add_argument("--ip-ban-seconds", type=float, default=600, help="length of a 403 ban")
    doors.add_argument(
        "--ws-connect-rate", type=int, default=500, help="WebSocket connects per 5 min; 0: no limit"
    )
    doors.add_argument("--ws-ack-ms", type=float, default=20, help="delay of WebSocket acks")
    doors.add_argument(
        "--strict", action="store_true", help="refuse unknown parameters, which Bybit ignores"
    )
    doors.add_argument("--control", action="store_true", help="serve /control/ (loopback only)")
    doors.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME[:ENDPOINT][:p=P][:n=N][:seed=S][:OPTION=X]",
        help="switch a fault on from the start; may be repeated",
    )
    doors.add_argument("--scenario", type=Path, help="YAML or JSON file of faults and actions")
    doors.add_argument(
        "--scenario-schema", action="store_true", help="print the JSON schema of scenarios, and end"
    )
    p.add_argument("--parent", type=int, help="stop when this parent process has gone")
    p.add_argument("--log-level", default="INFO", help="%(default)s")
    return p


def options_of(args: argparse.Namespace) -> Options:
    """The server's options from parsed arguments."""
    server = ServerSettings(
        host=args.host,
        port=args.port,
        strict=args.strict,
        ws_ack_delay_seconds=args.ws_ack_ms / 1000,
        order_rate=args.order_rate,
        read_rate=args.read_rate,
        ip_rate=args.ip_rate,
        ws_connect_rate=args.ws_connect_rate,
        ip_ban_seconds=args.ip_ban_seconds,
        tls_certificate=args.tls_certificate,
        tls_key=args.tls_key,
        control=args.control,
    )
    symbols = tuple(args.symbols.split(",")) if args.symbols else None
    engine = EngineSettings(
        # Order ids must differ between runs, because clients keep them for longer than a run.
        seed=int.from_bytes(os.urandom(6)),
        effect_delay_ms=args.effect_delay_ms,
        effect_jitter_ms=args.effect_jitter_ms,
        cancel_front_share=args.cancel_front_share,
        realtime_lag_ms=args.realtime_lag_ms,
        history_lag_ms=args.history_lag_ms,
        insurance_fund=args.insurance_fund,
        impact=ImpactSettings(enabled=args.impact),
    )
    return Options(
        server=server,
        engine=engine,
        market=args.market,
        recordings=args.recordings,
        symbols=symbols,
        seed=args.seed,
        updates=args.book_updates,
        speed=args.speed,
        accounts=args.accounts,
        balances=args.balances,
        journal=args.journal,
        state_dir=args.state_dir,
        faults=tuple(args.fault),
        scenario=args.scenario,
    )


async def serve(options: Options, port_file: Path | None, parent: int | None) -> bool:
    """Runs until SIGTERM or SIGINT, or until the parent process has gone.

    Returns False on a failure.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = build(options)
    healthy = True

    def fail() -> None:
        nonlocal healthy
        healthy = False
        stop.set()

    running.server.exchange.venue.on_failure = fail
    await running.start()
    if port_file is not None:
        _write_whole(port_file, str(running.port))
    calm_collector()
    log.info("paper exchange ready at %s", running.url)
    try:
        while not stop.is_set() and parent in (None, os.getppid()):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), PARENT_CHECK_SECONDS)
    finally:
        await running.stop()
        log.info("paper exchange stopped")
    return healthy


def calm_collector() -> None:
    """Makes Python's garbage collector pause requests seldom and briefly.

    Objects that exist now stay to the end. Orders come and stay too, and few objects are in
    cycles, so that scans find next to nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _write_whole(path: Path, text: str) -> None:
    """Writes a file in one step, so that no reader sees half of it."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(path)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the exchange until a signal ends it; returns the process's exit code.

    With `record` as the first argument it records public streams instead.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["record"]:
        return recorder.main(words[1:])
    p = parser()
    args = p.parse_args(words)
    if args.scenario_schema:
        sys.stdout.write(SCHEMA_FILE.read_text())
        return 0
    logging.basicConfig(
        level=args.log_level.upper(),
        stream=sys.stderr,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    if args.control and args.host not in _LOOPBACK:
        p.error("--control would let anybody on the network break the exchange: use loopback")
    if args.tls_key is not None and args.tls_certificate is None:
        p.error("--tls-key needs --tls-certificate")
    if args.balances is not None and args.accounts is not None:
        p.error("--balances are those of the development account: name them in --accounts")
    if args.speed < 0:
        p.error("--speed must not be negative")
    try:
        healthy = asyncio.run(serve(options_of(args), args.port_file, args.parent))
    except (PaperExchangeError, ValueError, OSError) as error:
        log.error("paper exchange cannot start: %s", error)
        return 2
    return 0 if healthy else 1


if __name__ == "__main__":
    sys.exit(main())
