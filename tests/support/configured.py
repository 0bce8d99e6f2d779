"""Settings of a system of each environment."""

from typing import Any

from config.settings import Environment, Settings, TradingMode


def settings(environment: Environment = Environment.PRODUCTION, **more: Any) -> Settings:
    return Settings(environment=environment, trading_mode=TradingMode.CONSERVATIVE, **more)
