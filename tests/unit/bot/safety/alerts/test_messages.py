"""Messages: what they say, and that the text of others steers nothing in them."""

from dataclasses import replace
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.safety.alerts.messages import harmless, message_of, outage
from bot.safety.alerts.telling import Told
from models.enums import AlertLevel, AlertNews, AlertState
from tests.support.properties import examples

ONE = Told(
    alert_id=17,
    round=1,
    news=AlertNews.RAISED,
    level=AlertLevel.CRITICAL,
    attempts=1,
    text="an order is lost (r-1): gone",
    chain="paper",
    count=3,
    first_seen=datetime(2026, 11, 30, 9, tzinfo=UTC),
    state=AlertState.OPEN,
)


def test_a_message_says_what_how_often_and_how_to_answer() -> None:
    message = message_of([ONE], "paper")
    assert message.title == "mlrisk paper CRITICAL: an order is lost (r-1): gone"
    assert "seen: 3 times since 2026-11-30 09:00:00 UTC" in message.body
    assert "message: 17.1" in message.body
    assert "mlrisk alert ack 17" in message.body
    assert "attempt" not in message.body


def test_a_repeated_attempt_and_an_end_say_so() -> None:
    again = message_of([replace(ONE, attempts=2)], "paper")
    assert "attempt: 2; the same message may have come before" in again.body
    over = message_of([replace(ONE, news=AlertNews.CLEARED)], "paper")
    assert "OVER an order is lost" in over.title
    assert "mlrisk alert ack" not in over.body
    repeated = message_of([replace(ONE, news=AlertNews.REPEATED)], "paper")
    assert "STILL OPEN" in repeated.title


def test_many_are_summed_up_with_their_number() -> None:
    loud = replace(ONE, level=AlertLevel.EMERGENCY)
    many = [loud, *(replace(ONE, alert_id=number) for number in range(30))]
    message = message_of(many, "paper")
    assert message.title == "mlrisk paper EMERGENCY: 31 alerts: 1 emergency, 30 critical"
    assert "and 11 more" in message.body


def test_an_outage_says_what_follows_from_it() -> None:
    assert "Nothing that adds risk goes out" in outage("Postgres", 16, "paper", over=False).body
    assert "answers again" in outage("Postgres", 40, "paper", over=True).title


@given(text=st.text(max_size=300))
@settings(max_examples=examples(200))
def test_no_text_of_others_makes_a_line_a_link_a_mention_or_markup(text: str) -> None:
    message = message_of([replace(ONE, text=text)], "paper")
    assert message.title.splitlines() == [message.title]
    assert len(message.body.split("\n")) == 8
    for told in (message.title, harmless(text)):
        assert not set("<>`*[]&|") & set(told)
        assert all(letter.isprintable() or letter == " " for letter in told if letter < "\xa0")


def test_known_attacks_are_plain_text() -> None:
    attack = (
        "gone\r\nBcc: all@example.org\n\n<script>x</script> @everyone [a](https://evil.example)"
    )
    told = harmless(attack)
    assert told == (
        "gone\\x0d\\nBcc: all@ example.org\\n\\n‹script›x‹/script› @ everyone "
        "(a)(https: //evil.example)"
    )
