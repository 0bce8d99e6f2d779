"""The watchdog's settings: its own key, and the addresses that it needs. Nothing else is read."""

from pydantic import Field, SecretStr

from config.identity import BYBIT, ExchangeMode
from config.settings import KeylessSettings, SettingsError, load_from_environment

HOSTS = {
    ExchangeMode.LIVE: "https://api.bybit.com",
    ExchangeMode.TESTNET: "https://api-testnet.bybit.com",
    ExchangeMode.DEMO: "https://api-demo.bybit.com",
}


class WatchdogSettings(KeylessSettings):
    """What the environment says to the watchdog."""

    exchange: str = BYBIT
    exchange_mode: ExchangeMode = ExchangeMode.PAPER
    exchange_url: str | None = None
    paper_url: str | None = None
    watchdog_api_key: SecretStr | None = Field(
        default=None,
        min_length=1,
        description="a key of the same account for the watchdog alone. Give it no other right than "
        "that to orders, and bind it to the watchdog's address",
    )
    watchdog_api_secret: SecretStr | None = Field(
        default=None, min_length=1, description="the secret of the watchdog's key"
    )

    def require_keys(self) -> tuple[SecretStr, SecretStr]:
        """Key and secret. Raises SettingsError without them, and for another exchange."""
        if self.exchange != BYBIT:
            raise SettingsError(f"the watchdog knows {BYBIT} and not {self.exchange}")
        if self.watchdog_api_key is None or self.watchdog_api_secret is None:
            raise SettingsError(
                "MLRISK_WATCHDOG_API_KEY and MLRISK_WATCHDOG_API_SECRET are not set: the watchdog "
                "needs a key of its own"
            )
        return self.watchdog_api_key, self.watchdog_api_secret

    def base_url(self) -> str:
        """The exchange's address. Raises SettingsError when paper mode has none."""
        found = self.exchange_url or HOSTS.get(self.exchange_mode) or self.paper_url
        if found is None:
            raise SettingsError("MLRISK_EXCHANGE_URL is not set: paper trading needs its address")
        return found


def load_watchdog_settings() -> WatchdogSettings:
    """The settings, from the environment alone. Raises SettingsError."""
    return load_from_environment(WatchdogSettings)
