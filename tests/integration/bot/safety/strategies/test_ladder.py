"""Strategies rise one stage at a time and with a second person, and fall at once."""

from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import func, select, text

from bot.authority.actors import Operator
from bot.decision.authentication import AuthenticatedDecisions as Door
from bot.decision.quotas import Quotas
from bot.decision.replay import Replayed, replay
from bot.errors import NotAuthorised, Refused
from bot.execution.orders.stopping import ParentStopper, Stopped
from bot.execution.sending.sender import SendResult
from bot.safety.strategies.ladder import StrategyLadder
from bot.safety.strategies.profile import Profile
from bot.state import binding
from bot.state.binding import Identity
from config.keys.quotas import QuotaRules
from config.keys.strategies import StrategyRules
from config.settings import Environment, TradingMode
from models.enums import ChildState, OperatorRole, ParentState, StrategyStage
from models.repositories import predictions
from models.repositories import strategies as rows
from models.tables import AuditRow, ChildOrderRow, DecisionRow, ParentOrderRow, ReservationRow
from tests.support.accounts.staging import FREE, NAME, demoted, facts, guarded
from tests.support.desk import ACCOUNT, Desk
from tests.support.fakes import T0
from tests.support.operators import operator

pytestmark = [pytest.mark.services, pytest.mark.usefixtures("quick_passphrases", "standing_codes")]
S, D = StrategyStage, Decimal


@pytest.fixture
def soon(desk: Desk) -> StrategyRules:
    """A ladder whose stages take a minute and two decisions."""
    rules = StrategyRules(min_stage_days=1 / 1440, min_stage_decisions=2)
    desk.limits.change(strategies=rules, max_repeated_orders=1000)
    return rules


def stage(desk: Desk, name: str = NAME) -> StrategyStage | None:
    with desk.db.reading() as session:
        return rows.stage_of(session, name).stage


def count(desk: Desk, table: type[Any]) -> int:
    with desk.db.reading() as session:
        return session.scalar(select(func.count()).select_from(table)) or 0


def earn(desk: Desk, prefix: str) -> None:
    """The minimum of the stage: two decisions, and more than a minute."""
    for number in range(2):
        desk.approve(f"{prefix}-{number}")
    desk.pass_time(61)


def by(desk: Desk, name: str, request_id: str, **changes: Any) -> dict[str, Any]:
    return desk.approve(request_id, metadata={"strategy": name}, **changes)


def test_a_shadow_is_decided_and_recorded_and_leaves_nothing_to_send(
    desk: Desk, strategies: StrategyLadder
) -> None:
    before = desk.approve("r-full")
    demoted(strategies, S.SHADOW)
    answer = desk.approve("r-shadow")
    assert (answer["verdict"], answer["reasons"]) == ("deny", ["strategy_stage"])
    assert answer["stage"] == {"stage": "shadow", "sends": False}
    assert before["stage"] == {"stage": "full", "sends": True}
    (failed,) = answer["checks_failed"]
    assert f"the size is {before['approved_qty']}" in failed["sentence"]
    with desk.db.reading() as session:
        assert session.get(ParentOrderRow, "r-shadow") is None
        assert session.get(ReservationRow, "r-shadow") is None
        stored = session.get_one(DecisionRow, "r-shadow")
        asked = predictions.newly_asked(session, ACCOUNT, T0.replace(year=2000), 10)
    (again,) = replay([stored])
    assert isinstance(again, Replayed)
    assert not again.differs
    assert len(stored.decision["checks"]) > 50
    assert {row.request_id for row in asked} == {"r-full", "r-shadow"}, "its outcome counts"


def test_a_shadow_uses_up_nothing_of_another_strategys(
    desk: Desk, strategies: StrategyLadder
) -> None:
    desk.limits.change(max_gross_exposure_share=D("0.025"), max_repeated_orders=1000)
    demoted(strategies, S.SHADOW)
    for number in range(3):
        assert desk.approve(f"r-{number}")["verdict"] == "deny"
    assert by(desk, "other", "o-1")["verdict"] == "allow"
    assert by(desk, "other", "o-2")["verdict"] == "deny", "the limit is one trade wide"


def test_a_demotion_ends_entries_under_way_and_lets_exits_go_on(
    desk: Desk, strategies: StrategyLadder
) -> None:
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    desk.approve_twap("r-2")
    by(desk, "other", "o-1")
    demoted(strategies, S.SHADOW)
    assert desk.parent("r-2").state.is_final
    assert desk.reservation("r-2").open_qty == 0
    assert desk.parent("o-1").state is ParentState.WORKING
    closing = desk.approve("r-3", side="sell", signal_data={"reduce_only": True})
    assert (closing["verdict"], closing["stage"]["sends"]) == ("allow", False)
    (child,) = desk.children("r-3")
    assert desk.send(child.child_id) is SendResult.SENT
    desk.check_balance()


@pytest.mark.parametrize("to", [S.SHADOW, S.SMALL])
def test_a_demotion_between_decision_and_send_holds_although_nothing_else_happened(
    desk: Desk, strategies: StrategyLadder, to: StrategyStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.approve("r-1")
    monkeypatch.setattr(ParentStopper, "stop_all", lambda *_, **__: Stopped())
    demoted(strategies, to)
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert desk.child().state is ChildState.CANCELLED
    assert desk.exchange.posts == 0
    small = desk.approve("r-2")
    assert small["verdict"] == ("deny" if to is S.SHADOW else "shrink")
    if to is S.SMALL:
        assert desk.send(desk.child().child_id) is SendResult.SENT
        whole, part = (desk.children(name)[0].qty for name in ("r-1", "r-2"))
        assert part <= whole / 10


def test_a_stage_by_configuration_is_read_again_at_the_claim(desk: Desk) -> None:
    assert desk.approve("r-1")["verdict"] == "allow"
    desk.limits.change(strategies=StrategyRules(unknown_stage=S.SHADOW))
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    assert desk.approve("r-2")["reasons"] == ["strategy_stage"]


@pytest.mark.parametrize(("mode", "sends"), [("paper", True), ("demo", True), ("live", False)])
def test_the_stage_paper_sends_where_no_real_money_is(
    desk: Desk, strategies: StrategyLadder, mode: str, sends: bool
) -> None:
    owner = Identity(ACCOUNT, mode, "17", Environment.STAGING, TradingMode.PAPER_TRADING)
    binding.bind(desk.db, owner, T0)
    demoted(strategies, S.PAPER)
    answer = desk.approve("r-1")
    assert (answer["verdict"] == "allow", answer["stage"]["sends"]) == (sends, sends)
    assert count(desk, ChildOrderRow) == int(sends)


def test_a_strategy_rises_stage_by_stage_and_each_needs_its_own_evidence(
    desk: Desk, strategies: StrategyLadder, soon: StrategyRules
) -> None:
    demoted(strategies, S.SHADOW)

    def promote(to: StrategyStage) -> StrategyStage:
        return strategies.promote(NAME, to, reason="good", authority=FREE).stage

    with pytest.raises(Refused, match="0 of 2 decisions on entries"):
        promote(S.PAPER)
    earn(desk, "shadow")
    with pytest.raises(Refused, match="one stage up"):
        promote(S.FULL)
    for to in (S.PAPER, S.SMALL, S.FULL):
        assert promote(to) is to
        with pytest.raises(Refused, match=r"one stage up|0\.0 of"):
            promote(S.FULL)
        earn(desk, to.value)
    with desk.db.reading() as session:
        kinds = select(AuditRow).where(AuditRow.kind == rows.STAGED).order_by(AuditRow.seq)
        told = [row.payload for row in session.scalars(kinds)]
    assert [each["stage"] for each in told] == ["full", "shadow", "paper", "small", "full"]
    assert told[2]["evidence"]["decisions"] == 2
    assert told[-1]["epoch"] == 1, "a promotion voids no approval"


def test_a_promotion_in_production_takes_two_risk_officers(
    desk: Desk,
    strategies: StrategyLadder,
    soon: StrategyRules,
    ann: Operator,
    bob: Operator,
) -> None:
    demoted(strategies, S.SHADOW)
    earn(desk, "shadow")

    def promote(actor: Operator | str) -> StrategyStage:
        return strategies.promote(NAME, S.PAPER, reason="good", authority=guarded(actor)).stage

    with pytest.raises(NotAuthorised):
        promote("ann")
    with pytest.raises(NotAuthorised, match="takes a risk_officer"):
        promote(operator("carl", OperatorRole.OPERATOR))
    assert promote(ann) is S.SHADOW
    with pytest.raises(NotAuthorised, match="second person"):
        promote(ann)
    assert promote(bob) is S.PAPER
    assert stage(desk) is S.PAPER


def test_a_question_that_was_written_by_hand_is_no_first_person(
    desk: Desk, strategies: StrategyLadder, soon: StrategyRules, ann: Operator, bob: Operator
) -> None:
    demoted(strategies, S.SHADOW)
    earn(desk, "shadow")
    with desk.db.transaction() as session:
        session.execute(
            text(
                "UPDATE strategy SET asked_stage = 'paper', asked_by = 'operator:bob', "
                "asked_until = :until"
            ),
            {"until": T0.replace(year=T0.year + 1)},
        )
    with pytest.raises(NotAuthorised, match="no operator's signed act"):
        strategies.promote(NAME, S.PAPER, reason="good", authority=guarded(ann))
    assert stage(desk) is S.SHADOW


@pytest.mark.parametrize("was_followed", [False, True])
def test_an_old_question_that_is_brought_back_by_hand_is_no_first_person(
    desk: Desk,
    strategies: StrategyLadder,
    soon: StrategyRules,
    ann: Operator,
    bob: Operator,
    was_followed: bool,
) -> None:
    demoted(strategies, S.SHADOW)
    earn(desk, "shadow")

    def promote(actor: Operator) -> StrategyStage:
        return strategies.promote(NAME, S.PAPER, reason="good", authority=guarded(actor)).stage

    assert promote(ann) is S.SHADOW
    with desk.db.reading() as session:
        until = session.scalar(text("SELECT asked_until FROM strategy"))
    if was_followed:
        assert promote(bob) is S.PAPER
        demoted(strategies, S.SHADOW)
        earn(desk, "again")
    else:
        desk.pass_time(86_401)
        until = until.replace(year=until.year + 1)
    with desk.db.transaction() as session:
        session.execute(
            text(
                "UPDATE strategy SET asked_stage = 'paper', asked_by = 'operator:ann', "
                "asked_until = :until"
            ),
            {"until": until},
        )
    with pytest.raises(NotAuthorised, match="no operator's signed act"):
        promote(bob)
    assert stage(desk) is S.SHADOW


@pytest.mark.parametrize(
    "forgery",
    [
        "UPDATE strategy SET stage = 'full'",
        "UPDATE strategy SET epoch = 0",
        "DELETE FROM strategy",
    ],
)
def test_a_row_that_was_changed_by_hand_counts_as_shadow_until_a_person_acts(
    desk: Desk, strategies: StrategyLadder, soon: StrategyRules, forgery: str
) -> None:
    demoted(strategies, S.SMALL)
    desk.approve("r-1")
    with desk.db.transaction() as session:
        session.execute(text(forgery))
    assert stage(desk) is S.SHADOW
    assert desk.send(desk.child().child_id) is SendResult.STOPPED
    answer = desk.approve("r-2")
    assert answer["reasons"] == ["strategy_stage"]
    assert "the audit says small" in answer["checks_failed"][0]["sentence"]
    with pytest.raises(Refused, match="no row" if "DELETE" in forgery else "at the stage shadow"):
        strategies.promote(NAME, S.PAPER, reason="good", authority=FREE)
    row = facts(strategies, owner="ann")
    assert (row.stage, stage(desk)) == (S.SHADOW, S.SHADOW)
    with desk.db.reading() as session:
        assert rows.stage_of(session, NAME).reason == ""


def test_own_caps_narrow_and_a_wider_one_takes_a_risk_officer(
    desk: Desk, strategies: StrategyLadder
) -> None:
    facts(strategies, owner="ann", version="3", max_trade_notional=D(1000))
    answer = desk.approve("r-1")
    assert (answer["verdict"], answer["reasons"]) == ("shrink", ["strategy_limit"])
    assert D(answer["approved_notional"]) <= 1000
    plain = guarded(operator("carl", OperatorRole.OPERATOR))
    facts(strategies, max_exposure=D(1500))
    left = desk.approve("r-2")
    assert D(left["approved_notional"]) <= 1500 - D(answer["approved_notional"])
    for wider in ({"max_exposure": None}, {"max_trade_notional": D(2000)}):
        with pytest.raises(NotAuthorised, match="widening the caps"):
            strategies.set(NAME, Profile(**wider), reason="more", authority=plain)
    strategies.set(NAME, Profile(max_exposure=D(1200)), reason="less", authority=plain)
    with pytest.raises(Refused, match="nothing would change"):
        facts(strategies, owner="ann")


def test_another_version_begins_again_as_a_shadow(desk: Desk, strategies: StrategyLadder) -> None:
    facts(strategies, owner="ann", version="3")
    assert stage(desk) is S.FULL, "the first version of a row changes nothing"
    facts(strategies, version="3", max_exposure=D(50_000))
    assert stage(desk) is S.FULL, "the same version is none"
    desk.approve("r-1")
    desk.send_due()
    desk.stream()
    desk.approve_twap("r-2")
    desk.approve("r-3")
    row = facts(strategies, version="4")
    assert (row.stage, row.version, stage(desk)) == (S.SHADOW, "4", S.SHADOW)
    assert desk.parent("r-2").state.is_final
    assert desk.send(desk.children("r-3")[0].child_id) is not SendResult.SENT
    assert desk.approve("r-4")["reasons"] == ["strategy_stage"]
    closing = desk.approve("r-5", side="sell", signal_data={"reduce_only": True})
    assert closing["verdict"] == "allow"
    with desk.db.reading() as session:
        said = session.scalars(
            select(AuditRow.payload).where(AuditRow.kind == rows.STAGED).order_by(AuditRow.seq)
        ).all()[-1]
    assert (said["from"], said["stage"]) == ("full", "shadow")
    assert said["reason"].startswith("version 4 begins again: ")
    assert facts(strategies, version="5").stage is S.SHADOW, "it can fall no further"


def test_its_own_rate_narrows_the_quota_of_entries_and_of_no_exit(
    desk: Desk, strategies: StrategyLadder
) -> None:
    desk.limits.change(quotas=QuotaRules(requests_per_second=4), max_repeated_orders=1000)
    door = Door(desk.approval, quotas=Quotas(desk.db, ACCOUNT, desk.limits, desk.clock))
    facts(strategies, max_requests_per_second=2)

    def ask(number: int, **changes: Any) -> dict[str, Any]:
        signal = {"position_size": "100", **changes.pop("signal_data", {})}
        request = desk.request(f"r-{number}", signal_data=signal, **changes)
        return door.validate_and_execute(request)

    assert [ask(n)["verdict"] for n in range(2)] == ["allow", "allow"]
    refused = ask(3)["error"]
    assert refused["type"] == "quota_exceeded"
    others = [ask(n, metadata={"strategy": "other"})["verdict"] for n in range(10, 14)]
    assert others == ["allow"] * 4, "its rate is nobody else's"
    closing = ask(4, side="sell", signal_data={"reduce_only": True})
    assert "error" not in closing


def test_no_strategy_starves_another(desk: Desk) -> None:
    """One asks as fast and as much as it can; the other's trade is decided and approved."""
    rules = QuotaRules(requests_per_second=5, open_requests=6)
    desk.limits.change(quotas=rules, max_reservation_share=D("0.05"), max_repeated_orders=1000)
    door = Door(desk.approval, quotas=Quotas(desk.db, ACCOUNT, desk.limits, desk.clock))

    def ask(name: str, number: int) -> dict[str, Any]:
        request = desk.request(
            f"{name}-{number}", metadata={"strategy": name}, signal_data={"position_size": "3000"}
        )
        return door.validate_and_execute(request)

    greedy = [ask("greedy", number) for number in range(12)]
    assert [each["verdict"] for each in greedy[:1]] == ["allow"]
    assert {"quota_exceeded"} == {each["error"]["type"] for each in greedy[5:]}
    assert any(each["reasons"] == ["portfolio_risk_limit"] for each in greedy[:5])
    assert ask("modest", 1)["verdict"] == "allow"
