"""How much one strategy may ask for: the section `quotas` of the configuration, typed."""

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from config.sections import Quotas


@dataclass(frozen=True, slots=True)
class QuotaRules:
    """Numbers of requests of one strategy. Defaults are the base values of the configuration."""

    requests_per_second: int = 20
    """Of what may add risk."""
    open_requests: int = 200
    """Of these, not yet at their end."""
    exits_per_second: int = 500
    """Of what only reduces."""
    open_exits: int = 5000


def quota_rules_from_config(section: "Quotas") -> QuotaRules:
    """The rules out of a checked section."""
    return QuotaRules(**{f.name: getattr(section, f.name) for f in fields(QuotaRules)})
