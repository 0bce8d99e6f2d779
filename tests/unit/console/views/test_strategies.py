"""A strategy in one line: its stage, its caps, its drill, and why it counts as less."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from config.vocabulary import StrategyStage
from console.views.strategies import facts, line
from models.repositories.strategies import KnownStage
from models.tables import StrategyRow

AT = datetime(2026, 11, 30, 12, tzinfo=UTC)
KNOWN = KnownStage(StrategyStage.SMALL, 3, real_money=False)


def row(**values: object) -> StrategyRow:
    given = {
        "name": "alpha",
        "owner": "ann",
        "version": "",
        "stage": StrategyStage.SMALL,
        "stage_since": AT,
        "max_trade_notional": Decimal("1000.00"),
        "created_at": AT,
        "changed_at": AT,
    }
    return StrategyRow(**{**given, **values})


def test_a_line_has_what_is_set_and_leaves_out_the_rest() -> None:
    said = line(facts(row(), KNOWN, None))
    assert said.startswith("alpha  SMALL since 2026-11-30")
    assert "owner ann" in said and "version" not in said
    assert "max_trade_notional 1000;" in said and "max_exposure" not in said
    assert said.endswith("last drill never")


def test_a_row_that_the_audit_contradicts_counts_as_a_shadow() -> None:
    wrong = KnownStage(StrategyStage.SHADOW, 3, real_money=False, reason="epoch 4 is not audited")
    shown = facts(row(), wrong, AT)
    assert shown["stage"] is StrategyStage.SHADOW
    assert line(shown).endswith("counts as SHADOW: epoch 4 is not audited")


def test_a_promotion_that_waits_names_who_asked_and_until_when() -> None:
    asked = row(asked_stage=StrategyStage.FULL, asked_by="ann", asked_until=AT + timedelta(hours=1))
    shown = facts(asked, KNOWN, AT)
    assert shown["waiting"] == {"stage": "full", "by": "ann", "until": AT + timedelta(hours=1)}
    assert "promotion to full asked by ann, waits for a second person" in line(shown)
    assert facts(row(), KNOWN, AT)["waiting"] is None
