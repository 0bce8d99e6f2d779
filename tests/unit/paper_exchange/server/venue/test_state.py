import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from paper_exchange.engine.core import PaperEngine
from paper_exchange.engine.settings import AccountConfig, EngineSettings
from paper_exchange.server.venue.state import StateError, StateKeeper
from paper_exchange.server.venue.venue import Venue
from paper_exchange.types import Reject
from tests.support.processes.full_disk import full_after
from tests.support.properties import examples
from tests.unit.paper_exchange.server.market_script import (
    KEY,
    SPEC,
    UID,
    HandClock,
    Script,
    book,
    make_venue,
    mark,
    trade,
)


def view(engine: PaperEngine) -> dict[str, object]:
    """The engine's snapshot, with tables whose order means nothing put in order."""
    state = json.loads(json.dumps(engine.snapshot()))
    state["timers"].sort()
    for name in ("executions", "ledger"):
        state[name] = {uid: rows for uid, rows in state[name].items() if rows}
    for account in state["accounts"].values():
        account["active"] = sorted(row for row in account["active"] if row[-1])
        account["locked"] = {c: v for c, v in account["locked"].items() if float(v)}
        account["recent"] = {c: ids for c, ids in account["recent"].items() if ids}
        # A refused request may have looked at a position that nobody ever held.
        account["closing_ids"].sort()
        account["positions"] = [p for p in account["positions"] if p["updated_ms"]]
        for order in account["orders"]:
            order["ahead"] = 0
    return dict(state)


actions = st.lists(
    st.one_of(
        st.tuples(
            st.just("create"),
            st.sampled_from(["Buy", "Sell"]),
            st.sampled_from(["Limit", "Market"]),
            st.integers(985, 1015),
            st.integers(1, 300),
            st.booleans(),
        ),
        st.tuples(st.just("cancel"), st.integers(0, 30)),
        st.tuples(st.just("amend"), st.integers(0, 30), st.integers(1, 300)),
        st.tuples(st.just("leverage"), st.integers(1, 20)),
        st.tuples(st.just("wait"), st.integers(1, 400)),
        st.tuples(st.just("cancel-all")),
    ),
    max_size=25,
)
MARKET = tuple(
    event
    for i in range(1, 40)
    for event in (
        book(i * 100, 999 + i % 3, 1001 + i % 3),
        trade(i * 100 + 50, 1000 + (i * 7) % 9 - 4, 30, "Buy" if i % 2 else "Sell"),
    )
)


def act(venue: Venue, engine: PaperEngine, clock: HandClock, step: tuple[object, ...]) -> None:
    base = {"category": "linear", "symbol": "XUSDT"}
    orders = list(engine.world.account(UID).orders)
    name, *rest = step
    now = venue.catch_up()
    touched: str | None = None
    if name == "wait":
        clock.now += int(str(rest[0]))
        venue.catch_up()
        return
    if name == "create":
        side, kind, price, qty, reduce = rest
        order = {**base, "side": side, "orderType": kind, "qty": f"{int(str(qty)) / 100:.2f}"}
        order["reduceOnly"] = reduce
        if kind == "Limit":
            order["price"] = f"{int(str(price)) / 10:.1f}"
        touched = engine.create_order(UID, order, now)["orderId"]
    elif name == "cancel-all":
        engine.cancel_all(UID, base, now)
    elif name == "leverage":
        lever = str(rest[0])
        engine.set_leverage(UID, {**base, "buyLeverage": lever, "sellLeverage": lever}, now)
    else:
        ident = orders[int(str(rest[0])) % len(orders)] if orders else "none"
        known = {**base, "orderId": ident}
        if name == "cancel":
            engine.cancel_order(UID, known, now)
        else:
            engine.amend_order(UID, {**known, "qty": f"{int(str(rest[1])) / 100:.2f}"}, now)
        touched = ident
    venue.touched(UID, touched)


@settings(
    max_examples=examples(60),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(actions, actions)
def test_changes_on_top_of_a_snapshot_are_the_whole_state(
    tmp_path: Path, before: list[tuple[object, ...]], after: list[tuple[object, ...]]
) -> None:
    """A crash at any moment: snapshot and changes give back what the engine was."""
    for file in tmp_path.iterdir():
        file.unlink()
    venue, engine, clock = make_venue(*MARKET)
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    for steps in (before, after):
        for step in steps:
            try:
                act(venue, engine, clock, step)
            except Reject:
                venue.touched()
        if steps is before:
            venue.keeper.save()
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    # Time and market pass without telling anybody: the last line knows the last change only.
    old, new = view(engine), view(other)
    assert new.pop("seq") <= old.pop("seq")
    for state in (old, new):
        state.pop("now")
        state.pop("target")
    assert new == old


def test_rows_that_were_forgotten_meanwhile_are_neither_lost_nor_kept_twice(
    tmp_path: Path,
) -> None:
    venue, engine, clock = make_venue(*MARKET, settings=EngineSettings(max_history=3))
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    buy = ("create", "Buy", "Market", 0, 100, False)
    for _ in range(5):
        act(venue, engine, clock, buy)
        act(venue, engine, clock, ("wait", 20))
    every = [item.exec_id for item in engine.world.executions[UID]]
    engine.retention.prune()
    assert len(engine.world.executions[UID]) == 3
    for _ in range(2):
        act(venue, engine, clock, buy)
        act(venue, engine, clock, ("wait", 20))
    every += [item.exec_id for item in engine.world.executions[UID][3:]]
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    assert [item.exec_id for item in other.world.executions[UID]] == every


def test_a_torn_last_change_is_left_out(tmp_path: Path) -> None:
    venue, engine, clock = make_venue()
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    act(venue, engine, clock, ("create", "Buy", "Limit", 990, 100, False))
    with (tmp_path / "changes.jsonl").open("ab") as file:
        file.write(b'{"number": 1, "sta')
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    assert len(other.world.account(UID).links) == len(engine.world.account(UID).links)


def test_a_full_disk_stops_no_order_and_what_it_cut_off_is_completed(tmp_path: Path) -> None:
    venue, engine, clock = make_venue()
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    changes = tmp_path / "changes.jsonl"
    with full_after(changes, 20):
        act(venue, engine, clock, ("create", "Buy", "Limit", 990, 100, False))
        act(venue, engine, clock, ("create", "Buy", "Limit", 991, 100, False))
    assert changes.stat().st_size == 20
    assert len(engine.world.account(UID).open) == 2
    venue.touched()  # there is room again, and nothing else to tell
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    assert view(other) == view(engine)


def test_a_snapshot_that_finds_no_room_leaves_the_one_before_and_its_changes(
    tmp_path: Path,
) -> None:
    venue, engine, clock = make_venue()
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    act(venue, engine, clock, ("create", "Buy", "Limit", 990, 100, False))
    with full_after(tmp_path / "none", 20):
        venue.keeper.close()
    assert not (tmp_path / "snapshot.tmp").exists()
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    assert view(other) == view(engine)


def test_changes_of_an_older_snapshot_are_not_applied_twice(tmp_path: Path) -> None:
    venue, engine, clock = make_venue()
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    act(venue, engine, clock, ("create", "Buy", "Market", 0, 100, False))
    clock.now += 50
    venue.catch_up()
    stale = (tmp_path / "changes.jsonl").read_bytes()
    venue.keeper.save()
    (tmp_path / "changes.jsonl").write_bytes(stale)
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    assert StateKeeper(tmp_path, other).load()
    assert len(other.world.executions[UID]) == len(engine.world.executions[UID]) == 1


def test_an_unreadable_snapshot_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "snapshot.json").write_text("{}")
    with pytest.raises(StateError):
        StateKeeper(tmp_path, PaperEngine([SPEC], {UID: AccountConfig(UID)})).load()


def test_restored_orders_fill_when_the_market_comes_back(tmp_path: Path) -> None:
    venue, engine, clock = make_venue()
    venue.keeper = StateKeeper(tmp_path, engine)
    venue.keeper.save()
    act(venue, engine, clock, ("create", "Buy", "Limit", 995, 100, False))
    clock.now += 50
    venue.catch_up()
    other = PaperEngine([SPEC], {UID: AccountConfig(UID)})
    StateKeeper(tmp_path, other).load()
    again = Venue(Script(book(0), mark(0, "100"), trade(50, 990, 500, "Sell")), other, clock)
    clock.now += 1000
    again.open()
    clock.now += 100
    again.catch_up()
    row = other.positions(UID, {"category": KEY[0], "symbol": KEY[1]})[0]
    assert (row["side"], row["size"]) == ("Buy", "1.00")
