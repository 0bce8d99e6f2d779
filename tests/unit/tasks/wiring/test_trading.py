"""Services that decide, send and book work on the same parts."""

import pytest

from bot.decision.authentication import AuthenticatedDecisions
from tasks.bootstrap import Services

NAMES = (
    *("approval", "quotas", "sender", "claims", "parent_worker", "reconciler", "fills"),
    *("dispatcher", "throttling"),
)


@pytest.mark.parametrize("name", NAMES)
def test_a_service_is_made_on_its_first_use_and_kept(services: Services, name: str) -> None:
    assert name not in vars(services)
    assert getattr(services, name) is getattr(services, name)


def test_a_missing_key_of_messages_is_a_warning_and_every_message_counts(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    assert isinstance(services.decisions, AuthenticatedDecisions)
    assert "MLRISK_MESSAGE_KEY is not set" in caplog.text


def test_the_claims_of_a_sender_end_with_the_lease_of_the_settings(services: Services) -> None:
    assert services.claims._owner == services.owner
    assert services.claims._lease_seconds == services.settings.lease_seconds
