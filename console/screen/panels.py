"""The screen's panels, each a function from a view to something rich can draw."""

from decimal import Decimal

from rich.console import Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from console.runtime.addresses import CONSOLE
from console.screen import words
from console.screen.view import ScreenView
from console.views.live.moment import ChildLine, HeartbeatLine, Live
from workers.supervision.supervisor import ProcessStatus

# A canary runs every ten seconds; three missed ones are a silent worker.
STALE_SECONDS = 35.0
_ID_WIDTH = 8
_SPARK_WIDTH = 36


def header(view: ScreenView) -> Panel:
    """The trading state, money, the ages of market and equity, and counts."""
    line = Text(no_wrap=True, overflow="ellipsis")
    second = Text(no_wrap=True, overflow="ellipsis", style="dim")
    if view.live is None:
        line.append(view.problem or "waiting for the first reading", "bold red")
    else:
        _state(line, view.live)
        _money(line, view.live)
        _ages(second, view, view.live)
    body = Text("\n").join([line, second])
    title = f"[bold]mlrisk[/] {words.clock(view.now)} UTC"
    return Panel(body, title=title, title_align="left", border_style="blue", height=4)


def _state(line: Text, live: Live) -> None:
    strictest = live.strictest
    if strictest is None:
        line.append(" NO STATE ", "bold white on red")
        return
    line.append(f" {strictest.state.upper()} ", words.STATE_STYLES[strictest.state])
    if not strictest.state.allows_adding:
        sealed = "sealed" if strictest.sealed else "not sealed yet"
        line.append(f" {strictest.scope}: {strictest.reason} ({sealed})", "bold")
    elif live.lease_problem is not None:
        line.append(" exits only: ", "bold white on red")
        line.append(f" {live.lease_problem}", "bold red")


def _money(line: Text, live: Live) -> None:
    money = live.money
    line.append("  equity ")
    line.append(f"{words.money(money.equity)}", "bold")
    pnl = money.day_pnl
    line.append("  day ")
    line.append(
        words.money(pnl, signed=True), "dim" if pnl is None else "green" if pnl >= 0 else "red"
    )
    if pnl is not None and money.day_start:
        line.append(f" ({pnl / money.day_start:+.3%})")
    line.append("  available ")
    line.append(words.money(money.available))


def _ages(line: Text, view: ScreenView, live: Live) -> None:
    if live.alerts_open:
        line.append(f"alerts: {_counts(live.alerts_open)}  ", "bold yellow")
    verdicts = live.verdict_counts
    market = "–" if view.market_age_seconds is None else words.seconds(view.market_age_seconds)
    line.append(
        f"{live.account}  market age {market}  equity age "
        f"{words.seconds(live.money.age_seconds)}  requests {sum(live.request_counts.values())}: "
        f"{verdicts.get('allow', 0)} allowed, {verdicts.get('shrink', 0)} shrunk, "
        f"{verdicts.get('deny', 0)} denied  fills {live.fill_count}"
    )


def requests(view: ScreenView, rows: int) -> Panel:
    """The newest requests with their answers, at most `rows`."""
    table = _table(
        ("time", 8), ("request", _ID_WIDTH), ("symbol", 8), ("side", 4), ("asked", 7), ("answer", 6)
    )
    table.add_column("granted", width=8, justify="right", no_wrap=True)
    table.add_column("reasons / status", no_wrap=True, overflow="ellipsis", ratio=1)
    for line in (view.live.requests if view.live else ())[:rows]:
        table.add_row(
            words.clock(line.received_at),
            Text(words.short_id(line.request_id, _ID_WIDTH)),
            Text(line.symbol),
            line.side,
            words.amount(Decimal(line.notional or 0)),
            Text(line.verdict, words.VERDICT_STYLES.get(line.verdict, "dim")),
            words.money(line.approved_notional) if line.verdict != "deny" else "",
            Text(line.standing),
        )
    return _panel(table, "requests and decisions")


def children(view: ScreenView, rows: int) -> Panel:
    """The next due children above the last done ones."""
    table = _table(("due", 8), ("request", _ID_WIDTH), ("slot", 4), ("symbol", 8), ("side", 4))
    table.add_column("qty", justify="right", no_wrap=True, ratio=1)
    table.add_column("state", width=9, no_wrap=True)
    table.add_column("late/in/at", width=10, justify="right", no_wrap=True)
    live = view.live
    if live is not None:
        due = live.children_due[: max(1, rows // 2)]
        done = live.children_done[: max(1, rows - len(due))]
        for line in (*due, *done):
            table.add_row(*_child_cells(line, live))
    counts = _counts(live.child_counts) if live else ""
    late = ""
    if live is not None and live.lateness_ms is not None:
        p50, p99 = live.lateness_ms
        late = f"; late p50 {words.milliseconds(p50)}, p99 {words.milliseconds(p99)}"
    return _panel(table, f"child orders: {counts}{late}")


def _child_cells(line: ChildLine, live: Live) -> tuple[str | Text, ...]:
    if line.rests and line.price is not None:
        when = words.amount(line.price)
    elif line.lateness_ms is not None:
        when = words.milliseconds(line.lateness_ms)
    else:
        wait = (line.due_at - live.at).total_seconds()
        when = f"in {words.seconds(wait)}" if wait >= 0 else f"+{words.seconds(-wait)}"
    return (
        words.clock(line.due_at),
        Text(words.short_id(line.request_id, _ID_WIDTH)),
        str(line.slot),
        Text(line.symbol),
        line.side,
        words.amount(line.qty),
        _child_state(line),
        when,
    )


def _child_state(line: ChildLine) -> str:
    if not line.rests:
        return line.state
    return "rests" if line.cancel_requested_at is None else "recalled"


def fills(view: ScreenView, rows: int) -> Panel:
    """The newest fills, at most `rows`."""
    table = _table(("time", 8), ("symbol", 8), ("side", 4))
    table.add_column("qty", justify="right", no_wrap=True, ratio=1)
    table.add_column("price", justify="right", no_wrap=True, ratio=1)
    table.add_column("fee", justify="right", no_wrap=True, width=6)
    for line in (view.live.fills if view.live else ())[:rows]:
        table.add_row(
            words.clock(line.executed_at),
            Text(line.symbol),
            line.side,
            words.amount(line.qty),
            words.amount(line.price),
            f"{line.fee:.3f}"[:5] + ("m" if line.is_maker else ""),
        )
    return _panel(table, f"fills: {view.live.fill_count if view.live else 0}")


def positions(view: ScreenView, rows: int) -> Panel:
    """The equity's last ten minutes above the open positions."""
    table = _table(("symbol", 8))
    for name in ("qty", "entry", "open PnL", "realised"):
        table.add_column(name, justify="right", no_wrap=True, ratio=1)
    live = view.live
    spark = Text("equity ", style="dim", no_wrap=True)
    if live is not None:
        spark.append(words.sparkline(live.money.series, _SPARK_WIDTH), "cyan")
    held = [line for line in (live.positions if live else ()) if line.qty]
    for line in held[: max(0, rows - 1)]:
        mark = view.marks.get(line.symbol, line.last_price)
        table.add_row(
            Text(line.symbol),
            words.amount(line.qty),
            "–" if line.entry_price is None else words.price(line.entry_price),
            words.money(line.unrealised_pnl(mark), signed=True),
            words.money(line.realised_pnl, signed=True),
        )
    fees = words.money(sum((line.fees for line in live.positions), words.NOTHING)) if live else "–"
    return _panel(Group(spark, table), f"positions: {len(held)} open, fees {fees}")


def limits(view: ScreenView, rows: int) -> Panel:
    """The fullest limits first."""
    table = Table(box=None, expand=True, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(width=6, no_wrap=True)
    table.add_column(width=4, justify="right", no_wrap=True)
    for use in sorted(view.limits, key=lambda use: -use.share)[:rows]:
        style = "red" if use.share >= 0.95 else "yellow" if use.share >= 0.7 else "green"
        table.add_row(Text(use.name), Text(words.bar(use.share, 6), style), f"{use.share:.0%}")
    return _panel(table, "limits, highest use")


def breakers(view: ScreenView, rows: int) -> Panel:
    """The breakers, at most `rows`: each tripped or well."""
    table = Table(box=None, expand=True, pad_edge=False, show_header=False, padding=(0, 1, 0, 0))
    table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    table.add_column(width=7, no_wrap=True)
    known = view.live.breakers if view.live else ()
    for line in known[:rows]:
        mark = Text("TRIPPED", "bold red") if line.tripped else Text("ok", "green")
        table.add_row(Text(f"{line.kind} ({line.scope})"), mark)
    if not known:
        table.add_row(Text("none has tripped", "dim"), "")
    return _panel(table, "breakers")


def workers(view: ScreenView, rows: int) -> Panel:
    """The supervisor's state of each process, and the last sign of life of its work.

    If there isn't room for all, processes that aren't well come first.
    """
    table = _table()
    table.add_column("process", no_wrap=True, ratio=1, overflow="ellipsis")
    table.add_column("state", width=8, no_wrap=True)
    table.add_column("MB", width=4, justify="right")
    table.add_column("beat", width=6, justify="right", no_wrap=True)
    beats = {beat.name: beat for beat in (view.live.heartbeats if view.live else ())}
    lines = sorted(view.processes, key=lambda p: (p.state == "RUNNING", beat_of(p, beats) is None))
    for process in lines[:rows]:
        table.add_row(*_worker_cells(process, beat_of(process, beats)))
    running = sum(process.state == "RUNNING" for process in view.processes)
    total = sum(process.memory_mb for process in view.processes)
    return _panel(table, f"processes: {running} of {len(view.processes)} run, {total:.0f} MB")


def _worker_cells(process: ProcessStatus, beat: HeartbeatLine | None) -> tuple[str | Text, ...]:
    running = process.state == "RUNNING"
    state = Text(process.state.lower()[:8], "green" if running else "bold red")
    if running and process.restarts:
        state = Text(f"run, {process.restarts}×", "yellow")
    age = beat.age_seconds if beat else None
    stale = age is not None and age > STALE_SECONDS
    return (
        Text(process.name),
        state,
        f"{process.memory_mb:.0f}",
        Text("" if age is None else words.seconds(age), "bold red" if stale else ""),
    )


def beat_of(process: ProcessStatus, beats: dict[str, HeartbeatLine]) -> HeartbeatLine | None:
    """The heartbeat of a process: its own, or its queue's canary."""
    return beats.get(process.name) or beats.get(f"queue:{process.name}")


def footer(view: ScreenView, note: str = "") -> Text:
    """The last line: a note, addresses, and how to end the screen."""
    parts = [note] if note else []
    parts += [f"{name} {address}" for name, address in view.addresses.items()]
    if CONSOLE in view.addresses:
        parts.append("`mlrisk web` logs in")
    if not view.signed:
        parts.append("requests are not signed")
    text = Text("   ".join([*parts, "Ctrl-C ends"]), no_wrap=True, overflow="ellipsis")
    text.stylize("dim")
    return text


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items())) or "none"


def _table(*columns: tuple[str, int]) -> Table:
    table = Table(box=None, expand=True, pad_edge=False, header_style="dim", padding=(0, 1, 0, 0))
    for name, width in columns:
        table.add_column(name, width=width, no_wrap=True, overflow="ellipsis")
    return table


def _panel(body: Table | Group, title: str) -> Panel:
    return Panel(
        body,
        title=Text(title, overflow="ellipsis", no_wrap=True),
        title_align="left",
        padding=(0, 0, 0, 1),
    )
