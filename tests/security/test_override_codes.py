"""Attacks on override codes: guesses, replays, codes of others, and places where one might leak."""

import hashlib
import io
import json
import logging
import random
import threading
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psutil
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from bot.authority import vault
from bot.authority.actors import Operator
from bot.authority.login import ATTEMPTS, FIRST_LOCK, locked_until
from bot.authority.operators import Operators, enrol
from bot.authority.override_codes import NewCode, OverrideCodes, ProvenCode, Use
from bot.authority.verifying import problems
from bot.clock import FixedClock, SystemClock
from bot.errors import NotAuthorised, Refused
from console.cli import run
from console.errors import ExitCode
from models.database import Database
from models.enums import OperatorRole, OverrideAction
from models.tables import AuditRow, OperatorRow, OverrideCodeRow
from tests.support.fakes import T0
from tests.support.operators import PASSPHRASE, add_person, count_work
from tests.support.properties import examples

pytestmark = [pytest.mark.services]


RECOVER = Use(OverrideAction.RECOVER, "global:*")


CONFIRM = Use(OverrideAction.CONFIRM, "global:*")


WRONG = "000000-AAAAA-AAAAA-AAAAA-AAAAA"


quick = pytest.mark.usefixtures("quick_passphrases", "standing_codes")


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock(T0)


@pytest.fixture
def codes(db: Database, clock: FixedClock) -> OverrideCodes:
    return OverrideCodes(db, clock)


@pytest.fixture
def ann(db: Database, clock: FixedClock, quick_passphrases: None) -> Operator:
    return add_person(db, clock, "ann").login()


@pytest.fixture
def bob(db: Database, clock: FixedClock, ann: Operator) -> Operator:
    return add_person(db, clock, "bob", by=ann).login()


def spend(codes: OverrideCodes, given: str, use: Use, by: Operator) -> None:
    """Proves and takes a code, as an act does."""
    proven = codes.prove(given, use, by)
    take(codes, proven, by)


def take(codes: OverrideCodes, proven: ProvenCode, by: Operator) -> None:
    with codes._db.unit_of_work() as uow:
        codes.spend(uow, proven, by, codes._clock.now())
        uow.commit()


def refused(act: Callable[[], object]) -> NotAuthorised:
    with pytest.raises(NotAuthorised) as refusal:
        act()
    return refusal.value


def causes(db: Database) -> list[str]:
    with db.reading() as session:
        found = select(AuditRow).where(AuditRow.kind == "code_refused").order_by(AuditRow.seq)
        return [row.payload["cause"] for row in session.scalars(found)]


def failures(db: Database) -> int:
    with db.reading() as session:
        return session.scalars(select(OperatorRow.code_failures).filter_by(name="ann")).one()


@quick
def test_a_code_opens_its_act_once_and_its_use_is_signed(
    db: Database, codes: OverrideCodes, ann: Operator
) -> None:
    new = codes.create(RECOVER, ann, reason="for the safe")
    refused(lambda: codes.prove(WRONG, RECOVER, ann))
    spend(codes, new.code.lower().replace("-", " "), RECOVER, ann)
    assert failures(db) == 0
    assert refused(lambda: spend(codes, new.code, RECOVER, ann)).code == "code_refused"
    assert causes(db) == ["unknown", "used"]
    with db.reading() as session:
        used = session.scalars(select(AuditRow).filter_by(kind="code_used")).one()
        assert (used.actor, used.subject) == ("operator:ann", f"code:{new.row.code_id}")
        assert problems(session) == []


@quick
def test_every_bad_code_gets_the_same_answer_and_is_recorded_and_alerted_with_its_cause(
    db: Database,
    codes: OverrideCodes,
    clock: FixedClock,
    ann: Operator,
    bob: Operator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def drawn(use: Use = RECOVER, by: Operator = ann) -> NewCode:
        return codes.create(use, by, reason="test")

    used, revoked, wrong = drawn(), drawn(), drawn()
    spend(codes, used.code, RECOVER, ann)
    codes.revoke(revoked.row.code_id, ann, reason="lost")
    short = codes.create(RECOVER, ann, reason="test", lifetime=timedelta(minutes=1))
    clock.move_to(clock.now() + timedelta(minutes=1))
    given = [
        (WRONG, "unknown"),
        ("", "unknown"),
        (wrong.code[:-1] + ("0" if wrong.code[-1] != "0" else "1"), "wrong"),
        (used.code, "used"),
        (revoked.code, "revoked"),
        (short.code, "expired"),
        (drawn(by=bob).code, "of another person"),
        (drawn(CONFIRM).code, "for another act"),
        (drawn(Use(OverrideAction.RECOVER, "symbol:BTCUSDT")).code, "for another scope"),
    ]
    answers = set()
    with caplog.at_level(logging.WARNING):
        for code, _ in given:
            answers.add(refused(lambda c=code: codes.prove(c, RECOVER, ann)).message)  # type: ignore[misc]
            with db.transaction() as session:
                session.execute(update(OperatorRow).values(codes_locked_until=None))
    assert len(answers) == 1
    assert causes(db) == [cause for _, cause in given]
    alerts = [r for r in caplog.records if getattr(r, "event", "") == "code_refused"]
    assert [r.alert for r in alerts] == ["warning"] * 4 + ["critical"] * 5  # type: ignore[attr-defined]


@quick
def test_five_refused_codes_lock_the_good_one_out_and_a_restart_does_not_help(
    db: Database, codes: OverrideCodes, clock: FixedClock, ann: Operator
) -> None:
    good = codes.create(RECOVER, ann, reason="test")
    for _ in range(ATTEMPTS):
        assert refused(lambda: codes.prove(WRONG, RECOVER, ann)).code == "code_refused"
    again = OverrideCodes(db, clock)
    assert refused(lambda: again.prove(good.code, RECOVER, ann)).code == "locked"
    clock.move_to(clock.now() + FIRST_LOCK)
    spend(again, good.code, RECOVER, ann)
    assert failures(db) == 0


def test_guesses_at_the_real_cost_end_in_the_lock_after_five_derivations(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = FixedClock(T0)
    ann = add_person(db, clock, "ann").login()
    codes = OverrideCodes(db, clock)
    work = count_work(monkeypatch)
    answers = [refused(lambda: codes.prove(WRONG, RECOVER, ann)).code for _ in range(12)]
    assert answers == ["code_refused"] * ATTEMPTS + ["locked"] * 7
    assert len(work) == ATTEMPTS


@quick
def test_unknown_and_known_codes_cost_one_derivation_each(
    codes: OverrideCodes, ann: Operator, bob: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = codes.create(RECOVER, bob, reason="test").code
    used = codes.create(RECOVER, ann, reason="test").code
    spend(codes, used, RECOVER, ann)
    work = count_work(monkeypatch)
    for code in (WRONG, known, used, "x"):
        refused(lambda c=code: codes.prove(c, RECOVER, ann))  # type: ignore[misc]
        assert work == [vault.KDF]
        work.clear()


@quick
def test_of_many_who_prove_one_code_at_once_one_takes_it(
    codes: OverrideCodes, ann: Operator
) -> None:
    code = codes.create(RECOVER, ann, reason="test").code
    proven = [codes.prove(code, RECOVER, ann) for _ in range(4)]
    begin, taken = threading.Barrier(4), []

    def attempt(one: ProvenCode) -> None:
        begin.wait()
        try:
            take(codes, one, ann)
            taken.append(one)
        except NotAuthorised:
            pass

    threads = [threading.Thread(target=attempt, args=(one,)) for one in proven]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 1


@quick
def test_a_row_that_was_set_back_by_hand_makes_no_code_good_again(
    db: Database, codes: OverrideCodes, ann: Operator
) -> None:
    code = codes.create(RECOVER, ann, reason="test").code
    spend(codes, code, RECOVER, ann)
    with db.transaction() as session:
        session.execute(update(OverrideCodeRow).values(used_at=None))
    refused(lambda: codes.prove(code, RECOVER, ann))
    assert causes(db) == ["used"]


@quick
def test_an_act_that_fails_leaves_its_code_unspent(codes: OverrideCodes, ann: Operator) -> None:
    code = codes.create(RECOVER, ann, reason="test").code
    with codes._db.unit_of_work() as uow:
        codes.spend(uow, codes.prove(code, RECOVER, ann), ann, T0)
    spend(codes, code, RECOVER, ann)


@quick
@pytest.mark.parametrize("role", [OperatorRole.VIEWER, OperatorRole.OPERATOR])
def test_only_a_risk_officer_draws_and_revokes(
    db: Database, codes: OverrideCodes, clock: FixedClock, ann: Operator, role: OperatorRole
) -> None:
    code_id = codes.create(RECOVER, ann, reason="test").row.code_id
    cat = add_person(db, clock, "cat", role, by=ann).login()
    refused(lambda: codes.create(RECOVER, cat, reason="test"))
    refused(lambda: codes.revoke(code_id, cat, reason="test"))
    with pytest.raises(Refused, match="365 days"):
        codes.create(RECOVER, ann, reason="test", lifetime=timedelta(days=366))


@quick
def test_a_reset_of_the_operator_ends_the_lock(
    db: Database, codes: OverrideCodes, clock: FixedClock, ann: Operator, bob: Operator
) -> None:
    for _ in range(ATTEMPTS):
        refused(lambda: codes.prove(WRONG, RECOVER, ann))
    Operators(db, clock).reset(enrol("ann", PASSPHRASE), bob, reason="it was her")
    assert refused(lambda: codes.prove(WRONG, RECOVER, ann)).code == "code_refused"


@quick
def test_a_code_is_in_no_representation_log_traceback_row_or_process_list(
    db: Database,
    codes: OverrideCodes,
    ann: Operator,
    caplog: pytest.LogCaptureFixture,
) -> None:
    new = codes.create(RECOVER, ann, reason="test")
    with caplog.at_level(logging.DEBUG):
        proven = codes.prove(new.code, RECOVER, ann)
        take(codes, proven, ann)
        refusal = refused(lambda: codes.prove(new.code, RECOVER, ann))
    told = "".join(traceback.format_exception(refusal)) + repr(new) + repr(proven) + caplog.text
    with db.reading() as session:
        for row in session.scalars(select(AuditRow)):
            told += json.dumps(row.payload) + row.subject + row.actor
        for kept in session.scalars(select(OverrideCodeRow)):
            told += repr(vars(kept))
    for process in psutil.process_iter():
        try:
            told += " ".join(process.cmdline())
        except psutil.Error:
            continue
    code_id, *groups = new.code.split("-")
    assert code_id in told
    assert [group for group in groups if group in told] == []


@quick
def test_the_command_shows_a_code_once_and_lists_it_by_its_public_id(
    db: Database,
    migrated_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MLRISK_HOME", str(tmp_path))
    monkeypatch.setenv("MLRISK_DATABASE_URL", migrated_url)
    person = add_person(db, SystemClock(), "ann")

    def mlrisk(*arguments: str, login: bool = True) -> str:
        given = f"{PASSPHRASE}\n{person.fresh_code()}\n"
        monkeypatch.setattr("sys.stdin", io.StringIO(given))
        more = ("--operator", "ann", "--login-file", "-") if login else ()
        assert run(("codes", *arguments, *more)) == ExitCode.OK
        return capsys.readouterr().out

    said = mlrisk("create", "--action", "confirm", "--scope", "symbol:BTCUSDT", "-r", "safe")
    code = said.splitlines()[0]
    assert "confirm symbol:BTCUSDT, for ann" in said
    assert OverrideCodes(db, SystemClock()).prove(
        code, Use(OverrideAction.CONFIRM, "symbol:BTCUSDT"), person.login()
    )
    code_id, *groups = code.split("-")
    listed = mlrisk("list", login=False)
    assert f"{code_id}: confirm symbol:BTCUSDT, for ann, good" in listed
    assert not any(group in listed for group in groups)
    mlrisk("revoke", code_id, "-r", "safe was open")
    listed = json.loads(mlrisk("list", "--json", login=False))["codes"]
    assert [row["state"] for row in listed] == ["revoked"]


@quick
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(15))
@given(
    kinds=st.lists(st.sampled_from(["wrong", "used", "expired", "foreign", "scope"]), max_size=8)
)
def test_no_sequence_of_bad_codes_is_ever_proven(
    codes: OverrideCodes, clock: FixedClock, ann: Operator, bob: Operator, kinds: list[str]
) -> None:
    spent = codes.create(RECOVER, ann, reason="test").code
    with codes._db.transaction() as session:
        session.execute(update(OperatorRow).values(code_failures=0, codes_locked_until=None))
    spend(codes, spent, RECOVER, ann)
    bad = {
        "wrong": WRONG,
        "used": spent,
        "expired": codes.create(RECOVER, ann, reason="t", lifetime=timedelta(seconds=1)).code,
        "foreign": codes.create(RECOVER, bob, reason="test").code,
        "scope": codes.create(CONFIRM, ann, reason="test").code,
    }
    clock.move_to(clock.now() + timedelta(seconds=1))
    for kind in kinds:
        refused(lambda k=kind: codes.prove(bad[k], RECOVER, ann))  # type: ignore[misc]


@pytest.mark.parametrize("guesses", [50_000, pytest.param(1_000_000, marks=pytest.mark.long)])
def test_none_of_a_million_guesses_is_a_code_even_for_somebody_whom_no_lock_stops(
    codes: OverrideCodes,
    ann: Operator,
    bob: Operator,
    monkeypatch: pytest.MonkeyPatch,
    guesses: int,
) -> None:
    """Each guess names a code that there is, and goes the whole way of a proof but the database's
    part. The derivation is a cheap one."""
    chance = random.Random(guesses)
    monkeypatch.setattr(
        vault, "derive", lambda _kdf, secret, salt: hashlib.sha256(salt + secret.encode()).digest()
    )
    drawn = [codes.create(RECOVER, by, reason="test") for by in (ann, bob, ann)]
    by_id = {one.row.code_id: one.row for one in drawn}
    monkeypatch.setattr(OverrideCodes, "_count", lambda _self, given, _by: by_id[given[:6]])
    monkeypatch.setattr(OverrideCodes, "_refused", lambda *_: NotAuthorised("no"))
    ids, right = list(by_id), 0
    for number in range(guesses):
        secret = "".join(chance.choices("0123456789ABCDEFGHJKMNPQRSTVWXYZ", k=20))
        try:
            codes.prove(f"{ids[number % len(ids)]}-{secret}", RECOVER, ann)
        except NotAuthorised:
            continue
        right += 1
    assert right == 0
    assert codes.prove(drawn[0].code, RECOVER, ann).owner == "ann", "a drawn code is one"


def test_a_million_guesses_take_two_thousand_seven_hundred_years_of_locks() -> None:
    """The attacker guesses at the first moment at which he may, each time."""
    now = T0
    for guess in range(1, 1_000_001):
        now = locked_until(guess, now) or now
    assert (now - T0).days / 365.25 > 2_700


@quick
def test_the_service_locks_as_long_as_that(
    codes: OverrideCodes, clock: FixedClock, ann: Operator
) -> None:
    now, looked_at = T0, 0
    for guess in range(1, 21):
        assert refused(lambda: codes.prove(WRONG, RECOVER, ann)).code == "code_refused"
        looked_at += 1
        until = locked_until(guess, now)
        if until is None:
            continue
        clock.move_to(until - timedelta(microseconds=1))
        assert refused(lambda: codes.prove(WRONG, RECOVER, ann)).code == "locked"
        clock.move_to(until)
        now = until
    assert looked_at == failures(codes._db) == 20
