"""The sections of the risk configuration, derived from the declarations of their keys."""

from collections.abc import Iterable, Mapping
from dataclasses import make_dataclass
from typing import Any

from config.declaration import Declaration, declarations
from config.keys.alerting import AlertingRules
from config.keys.breakers import BreakerRules
from config.keys.emergency import EmergencyRules
from config.keys.interface_keys import InterfaceKeys
from config.keys.lease import LeaseRules
from config.keys.positions import PositionRules
from config.keys.quotas import QuotaRules
from config.keys.recovery import RecoveryRules
from config.keys.strategies import StrategyRules
from config.keys.working import WorkingRules
from config.limits import RiskLimits

DECLARING = (
    RiskLimits,
    BreakerRules,
    PositionRules,
    EmergencyRules,
    InterfaceKeys,
    WorkingRules,
    QuotaRules,
    LeaseRules,
    RecoveryRules,
    AlertingRules,
    StrategyRules,
)
"""The classes that declare keys. The keys of a section stand in the order of these fields."""

SECTIONS: Mapping[str, str] = {
    "ml_risk_thresholds": "Requirements on a prediction, and the largest size of a position.",
    "circuit_breakers": "Conditions that trip and stop new risk.",
    "breakers": "How breakers trip and recover.",
    "emergency_stops": "Conditions that stop everything.",
    "position_monitoring": "Limits on open positions.",
    "execution": "The largest cost of an approved trade.",
    "gate": "Further limits of the gate.",
    "working": "How approved trades are worked: algorithm, rates, throttle, fallback steps.",
    "quotas": "How much one strategy may ask for.",
    "trading_lease": "How old the readings behind the lease to trade may be.",
    "recovery": "How a recovery climbs back to full size.",
    "alerting": "How alerts reach people, and what follows when nobody answers.",
    "strategies": "How far strategies are trusted, and how they rise.",
}
"""Every section with its meaning, in the order of the file."""


def _by_section(classes: Iterable[type]) -> dict[str, dict[str, Declaration]]:
    found: dict[str, dict[str, Declaration]] = {name: {} for name in SECTIONS}
    for cls in classes:
        for each in declarations(cls):
            if each.key in found[each.section]:
                raise TypeError(f"{each.path} is declared twice")
            found[each.section][each.key] = each
    return found


_KEYS = _by_section(DECLARING)
DECLARED: Mapping[str, Declaration] = {
    each.path: each for keys in _KEYS.values() for each in keys.values()
}
"""Every key's declaration by `section.key`, in the order of the file."""

RESERVED = tuple(path for path, each in DECLARED.items() if each.reserved)
"""The keys that are checked and kept, but not enforced yet."""


def keys_of(section: str) -> Mapping[str, Declaration]:
    """The declarations of a section by key, in the order of the file; KeyError for no section."""
    return _KEYS[section]


def section_of(name: str, values: Mapping[str, Any]) -> Any:
    """One section's values as a plain, frozen object with a `__dict__`."""
    return _TYPES[name](**{key: values[f"{name}.{key}"] for key in _KEYS[name]})


_TYPES = {
    name: make_dataclass(name.title().replace("_", ""), _KEYS[name], frozen=True)
    for name in SECTIONS
}
