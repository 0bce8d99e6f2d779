"""No check on what adds ever blocks an exit, whatever it says; what binds exits always does."""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.risk.checks.check import Applies, Check
from bot.risk.checks.outcome import capped, failed, passed, unknown
from bot.risk.checks.registry import CHECKS
from bot.risk.decision import Decision
from bot.risk.gate import evaluate
from bot.risk.rule import Rule
from bot.risk.snapshot import PositionView, RiskSnapshot, ShareView, TradeIntent
from models.enums import CheckStatus, TradeSide, Verdict
from tests.support.properties import examples
from tests.unit.bot.risk import cases
from tests.unit.bot.risk.cases import D
from tests.unit.bot.risk.test_gate_properties import QUICK, STRICT, snapshots

Answer = Callable[[Rule], Any]
QTY = st.decimals("0.001", "4", places=3)
PRICES = {TradeSide.BUY: D("30000"), TradeSide.SELL: D("29999.9")}


def _raises(_: Rule) -> Any:
    raise ZeroDivisionError("a defect")


ANSWERS: dict[str, Answer] = {
    "passes": lambda rule: passed(rule, 0, 0),
    "fails": lambda rule: failed(rule, 1, 0),
    "knows nothing": lambda rule: unknown(rule, "the input is missing"),
    "breaks": _raises,
    "cuts to nothing": lambda rule: capped(rule, D(1), D(0), D(0), D(1)),
}
NO = sorted(ANSWERS.keys() - {"passes"})


def answering(row: Check, answer: str) -> Check:
    return row._replace(ask=lambda *_: ANSWERS[answer](row.rule))


@st.composite
def rows(draw: st.DrawFn, applies: set[Applies]) -> tuple[Check, ...]:
    """The registry, with any answer from the checks of these kinds and a pass from the others."""
    return tuple(
        answering(
            row, draw(st.sampled_from(sorted(ANSWERS))) if row.applies in applies else "passes"
        )
        for row in CHECKS
    )


def exit_of(
    held: Decimal, wanted: Decimal, side: TradeSide, own: Decimal | None, *, flagged: bool
) -> tuple[TradeIntent, RiskSnapshot]:
    position = PositionView("BTCUSDT", -held * side.sign, D("30000"))
    share = None if own is None else ShareView(-own * side.sign, D(0))
    intent = cases.intent(side=side, notional=wanted * PRICES[side], reduce_only=flagged)
    return intent, cases.snapshot(portfolio=cases.portfolio(positions=(position,), own=share))


def decide(case: tuple[TradeIntent, RiskSnapshot], asked: tuple[Check, ...]) -> Decision:
    return evaluate(*case, STRICT, asked)


@QUICK
@given(
    asked=rows({Applies.ADDING, Applies.MODEL}),
    held=QTY,
    part=st.sampled_from([D("0.3"), D(1)]),
    side=st.sampled_from(TradeSide),
    flagged=st.booleans(),
    shared=st.booleans(),
)
def test_nothing_that_a_check_on_adding_says_blocks_an_exit(
    asked: tuple[Check, ...],
    held: Decimal,
    part: Decimal,
    side: TradeSide,
    flagged: bool,
    shared: bool,
) -> None:
    wanted = max(D("0.001"), (held * part).quantize(D("0.001")))
    case = exit_of(held, wanted, side, held if shared else None, flagged=flagged)
    decision = decide(case, asked)
    assert decision.verdict is Verdict.ALLOW, decision.reasons
    assert decision.approved_qty == wanted
    assert decision.reduce_only


@QUICK
@given(asked=rows({Applies.ADDING}), held=QTY, side=st.sampled_from(TradeSide))
def test_nor_one_that_closes_others_part_with_a_sound_model(
    asked: tuple[Check, ...], held: Decimal, side: TradeSide
) -> None:
    own = (held / 3).quantize(D("0.001"))
    decision = decide(exit_of(held, held, side, own, flagged=False), asked)
    assert (decision.verdict, decision.approved_qty) == (Verdict.ALLOW, held)


@QUICK
@given(
    asked=rows({Applies.ADDING, Applies.MODEL}),
    held=QTY,
    side=st.sampled_from(TradeSide),
    name=st.sampled_from([row.rule.name for row in CHECKS if row.applies is Applies.MODEL]),
    answer=st.sampled_from(["fails", "knows nothing", "breaks"]),
)
def test_without_a_model_an_exit_ends_at_its_own_share(
    asked: tuple[Check, ...], held: Decimal, side: TradeSide, name: str, answer: str
) -> None:
    own = (held / 3).quantize(D("0.001"))
    asked = tuple(answering(row, answer) if row.rule.name == name else row for row in asked)
    decision = decide(exit_of(held, held, side, own, flagged=False), asked)
    assert decision.approved_qty == own


@pytest.mark.parametrize("answer", ["fails", "knows nothing", "breaks"])
@pytest.mark.parametrize("name", [r.rule.name for r in CHECKS if r.applies is Applies.ALWAYS])
def test_the_no_of_a_check_that_binds_exits_stops_them(name: str, answer: str) -> None:
    asked = tuple(answering(row, answer if row.rule.name == name else "passes") for row in CHECKS)
    for flagged in (False, True):
        case = exit_of(D(2), D(1), TradeSide.SELL, D(2), flagged=flagged)
        assert decide(case, asked).verdict is Verdict.DENY


@settings(QUICK, max_examples=examples(300))
@given(snapshot=snapshots(), held=QTY, side=st.sampled_from(TradeSide), flagged=st.booleans())
def test_in_any_account_and_market_only_what_binds_exits_denies_one(
    snapshot: RiskSnapshot, held: Decimal, side: TradeSide, flagged: bool
) -> None:
    """The real checks, a model that knows nothing, and any money, market and trading state."""
    assert snapshot.portfolio is not None
    case = exit_of(held, held, side, None, flagged=flagged)
    own = case[1].portfolio
    assert own is not None
    others = tuple(p for p in snapshot.portfolio.positions if p.symbol != "BTCUSDT")
    working = tuple(w for w in snapshot.portfolio.working if w.symbol != "BTCUSDT")
    portfolio = replace(snapshot.portfolio, positions=(*own.positions, *others), working=working)
    intent = replace(case[0], model=cases.model(confidence=0.0, member_probabilities=()))
    decision = evaluate(intent, replace(snapshot, portfolio=portfolio), STRICT)
    binding = {row.rule.name for row in CHECKS if row.applies is Applies.ALWAYS}
    said_no = {
        c.name for c in decision.checks if c.status in (CheckStatus.FAIL, CheckStatus.UNKNOWN)
    }
    assert said_no <= binding
    assert (decision.verdict is Verdict.ALLOW) == (not said_no)
