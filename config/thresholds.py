"""MLRiskConfigManager: the risk configuration of one environment and mode, out of its layers."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from config.loading import (
    ConfigError,
    Document,
    Layer,
    Origin,
    check_value,
    from_mapping,
    nearest,
    read,
)
from config.schema import schema_text
from config.sections import DECLARED, SECTIONS, keys_of, section_of

DEFAULT_PATH = "config/ml_risk_config.yaml"
PACKAGED = Path(__file__).with_name("ml_risk_config.yaml")


@dataclass(frozen=True)
class MLRiskConfig:
    """The configuration in force; each section is a plain object with a `__dict__`."""

    ml_risk_thresholds: Any
    circuit_breakers: Any
    breakers: Any
    emergency_stops: Any
    position_monitoring: Any
    execution: Any
    gate: Any
    working: Any
    quotas: Any
    trading_lease: Any
    recovery: Any
    alerting: Any
    strategies: Any
    environment: str
    trading_mode: str
    version: int
    origins: Mapping[str, Origin]
    """The origin of each `section.key`."""

    def value(self, path: str) -> Any:
        """One value by `section.key`; KeyError when there is none."""
        declared = DECLARED[path]
        return getattr(getattr(self, declared.section), declared.key)

    def values(self) -> dict[str, Any]:
        """Every value by `section.key`."""
        return {path: self.value(path) for path in self.origins}

    def to_dict(self) -> dict[str, dict[str, Any]]:
        """Sections as nested plain values, for JSON."""
        return {
            name: {key: _plain(getattr(getattr(self, name), key)) for key in keys_of(name)}
            for name in SECTIONS
        }


class MLRiskConfigManager:
    """Layers base, environment, mode and overrides into one configuration.

    Every unknown key, wrong value and contradiction is refused at once with file and line. Changes
    at run time are versions in Postgres: see `bot.limits.service`.
    """

    def __init__(
        self,
        config_path: str | Path = DEFAULT_PATH,
        environment: str = "production",
        trading_mode: str = "conservative",
        *,
        overrides: Mapping[str, Any] | None = None,
        version: int | None = None,
    ) -> None:
        """Overrides are values by `section.key`, or sections. A version number is their name in
        origins.

        Raises ConfigError with every problem.
        """
        self.config_path = resolve(config_path)
        self.environment, self.trading_mode = str(environment), str(trading_mode)
        document = read(self.config_path)
        layers = _chosen_layers(document, self.config_path, self.environment, self.trading_mode)
        if overrides:
            source = "override" if version is None else f"version {version}"
            layers.append(from_mapping(overrides, source))
        self._layers = layers
        self._config = assemble(layers, self.environment, self.trading_mode, version or 1)

    def get_config(self) -> MLRiskConfig:
        """The configuration of these layers."""
        return self._config

    def update_config(self, changes: Mapping[str, Any]) -> MLRiskConfig:
        """Lay these values over the layers, in this object alone; all of them or none.

        Values by `section.key`, or sections. Raises ConfigError with every problem. The limits of a
        running system are changed by `mlrisk config propose`, with versions and approvals.
        """
        layers = [*self._layers, from_mapping(changes, "update")]
        self._config = assemble(layers, self.environment, self.trading_mode, self._config.version)
        self._layers = layers
        return self._config


def resolve(path: str | Path) -> Path:
    """The file itself; the default falls back to the one that is installed with the package."""
    chosen = Path(path)
    if str(path) == DEFAULT_PATH and not chosen.exists():
        return PACKAGED
    return chosen


def load_base(path: str | Path = DEFAULT_PATH) -> MLRiskConfig:
    """The base layer alone, without environment and mode."""
    document = read(resolve(path))
    if document.problems:
        raise ConfigError(document.problems)
    return assemble([document.layers["base"]], "", "", 1)


def assemble(
    layers: Iterable[Layer], environment: str, trading_mode: str, version: int
) -> MLRiskConfig:
    """Merges the layers; later layers win. Then checks each value, and the values together."""
    values: dict[str, Any] = {}
    origins: dict[str, Origin] = {}
    problems: list[str] = []
    for layer in layers:
        for path, (value, place) in layer.values.items():
            values[path], origins[path] = value, Origin(layer.name, place)
        for path, (factor, place) in layer.scales.items():
            if values.get(path) is not None:
                # Through Decimal: 0.8 x 0.9 is 0.72, not 0.7200000000000001.
                values[path] = float(Decimal(repr(values[path])) * Decimal(repr(factor)))
                below = origins[path]
                origins[path] = Origin(f"{layer.name} x {factor:g} of {below.layer}", place)
    for path, declared in DECLARED.items():
        if path not in values:
            problems.append(f"{path} is missing: the layer 'base' has to set every key")
            continue
        _, wrong = check_value(values[path], declared)
        if wrong is not None:
            problems.append(f"{origins[path].place}: {path} {wrong}")
    problems += _contradictions(values, origins)
    if problems:
        raise ConfigError(problems)
    return MLRiskConfig(
        **{name: section_of(name, values) for name in SECTIONS},
        environment=environment,
        trading_mode=trading_mode,
        version=version,
        origins=origins,
    )


def _contradictions(values: Mapping[str, Any], origins: Mapping[str, Origin]) -> list[str]:
    found = []
    for smaller, larger in ((path, each.at_most) for path, each in DECLARED.items()):
        low, high = values.get(smaller), values.get(larger)
        if low is not None and high is not None and low > high:
            found.append(
                f"{origins[smaller].place}: {smaller} ({low:g}, from {origins[smaller].layer}) "
                f"must not exceed {larger} ({high:g}, from {origins[larger]})"
            )
    return found


def _chosen_layers(
    document: Document, path: Path, environment: str, trading_mode: str
) -> list[Layer]:
    problems = list(document.problems)
    names = ["base"]
    for kind, noun, name in (
        ("environments", "environment", environment),
        ("modes", "trading mode", trading_mode),
    ):
        known = document.names(kind)
        if name not in known:
            listed = ", ".join(known) or "none"
            hint = nearest(name, known)
            problems.append(f"{path}: unknown {noun} {name!r}{hint}; known: {listed}")
        names.append(f"{kind}.{name}")
    if problems:
        raise ConfigError(problems)
    if "overrides" in document.layers:
        names.append("overrides")
    return [document.layers[name] for name in names]


def _plain(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


__all__ = [
    "ConfigError",
    "MLRiskConfig",
    "MLRiskConfigManager",
    "load_base",
    "schema_text",
]
