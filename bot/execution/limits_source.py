"""The limits in force, from the configuration of this environment and mode."""

from pathlib import Path

from bot.risk.limits import RiskLimits, limits_from_config
from config.settings import Settings
from config.thresholds import MLRiskConfigManager

DEFAULT_CONFIG = Path(__file__).parents[2] / "config" / "ml_risk_config.yaml"


class ConfiguredLimits:
    """Reads the configuration once; raises its errors at the start, not at the first trade."""

    def __init__(self, settings: Settings) -> None:
        manager = MLRiskConfigManager(
            config_path=str(settings.config_path or DEFAULT_CONFIG),
            environment=settings.environment.value,
            trading_mode=settings.trading_mode.value,
        )
        self._limits = limits_from_config(manager.get_config())

    def limits(self) -> RiskLimits:
        return self._limits
