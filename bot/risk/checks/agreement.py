"""Whether the market view agrees with prices that the exchange gave the account by another way."""

from collections.abc import Iterator
from decimal import Decimal

from bot.risk.book import positive
from bot.risk.checks.breach import HAIR, MID, NOW, Case
from bot.risk.checks.check import check
from bot.risk.checks.outcome import passed, unknown
from bot.risk.decision import CheckResult
from bot.risk.exposure import Exposure, age_seconds
from bot.risk.limits import RiskLimits
from bot.risk.rule import Rule, Sense, number_text
from bot.risk.snapshot import RiskSnapshot, SeenPrice, TradeIntent
from models.enums import TradeBlockReason as Why

_Pair = tuple[str, Decimal, str, SeenPrice]
"""A price of the market view with its name, and another source with its price."""


AGREES = Rule(
    "market_agrees",
    Why.DATA_MISSING,
    "the market view's distance from the exchange's own prices",
    Sense.AT_MOST,
    "bps",
)


def _another_fill(case: Case, limits: RiskLimits) -> Case:
    price = MID / (1 + Decimal(repr(limits.max_disagreement_bps)) / 10_000 * HAIR)
    return case.seeing(newest_fill=SeenPrice(price, NOW))


@check(AGREES, limit="max_disagreement_bps", breach=_another_fill)
def market_agrees(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> CheckResult:
    """UNKNOWN when the market view is far from the account's own newest fill or from marks.

    Otherwise a writer of the market view could get any size approved at an invented price.
    """
    bound, widest, against = limits.max_disagreement_bps, None, []
    for pair in _pairs(intent, exposure, snapshot, limits):
        apart = _bps(pair[1], pair[3].price)
        if apart is None or apart > bound:
            against.append(_in_words(pair, apart))
        elif widest is None or apart > widest:
            widest = apart
    if against:
        return unknown(AGREES, "; ".join(against), limit=bound)
    value = "nothing to compare with" if widest is None else widest
    return passed(AGREES, value, bound, detail=_unseen(snapshot, limits))


def _pairs(
    intent: TradeIntent, exposure: Exposure, snapshot: RiskSnapshot, limits: RiskLimits
) -> Iterator[_Pair]:
    """The compared prices: the mid of the trade's symbol, and the marks that value other held
    symbols."""
    symbol, mid, fill = intent.symbol, exposure.mid, snapshot.newest_fill
    if fill and mid and _counts(fill, snapshot, limits.fill_witness_seconds):
        yield f"the mid of {symbol}", mid, "the newest fill", fill
    for held in () if snapshot.portfolio is None else snapshot.portfolio.positions:
        said = held.exchange_mark
        if said is None or not _counts(said, snapshot, limits.mark_witness_seconds):
            continue
        kind, viewed = ("mid", mid) if held.symbol == symbol else ("mark", positive(held.mark))
        if viewed is not None:
            yield f"the {kind} of {held.symbol}", viewed, "the exchange's mark", said


def _unseen(snapshot: RiskSnapshot, limits: RiskLimits) -> str | None:
    """A sentence with the held symbols whose exchange mark is missing or old; None without any."""
    seconds, unseen = limits.mark_witness_seconds, []
    for held in () if snapshot.portfolio is None else snapshot.portfolio.positions:
        said = held.exchange_mark
        if held.qty and (said is None or not _counts(said, snapshot, seconds)):
            unseen.append(held.symbol)
    return f"without the exchange's mark: {', '.join(sorted(unseen))}" if unseen else None


def _counts(said: SeenPrice, snapshot: RiskSnapshot, seconds: float) -> bool:
    """Whether a source is young enough to contradict the view; an unreadable time counts as
    young."""
    age = age_seconds(snapshot, said.at)
    return age is None or age <= seconds


def _bps(viewed: Decimal, said: Decimal) -> float | None:
    """The distance of the view from the other price; None when that is no price."""
    price = positive(said)
    return None if price is None else abs(float((viewed - price) / price)) * 1e4


def _in_words(pair: _Pair, apart: float | None) -> str:
    name, viewed, witness, said = pair
    if apart is None:
        return f"{witness} for {name} is no price"
    return (
        f"{name} is {number_text(viewed)} by the market view, "
        f"{apart:.0f} bps from {witness} at {number_text(said.price)}"
    )
