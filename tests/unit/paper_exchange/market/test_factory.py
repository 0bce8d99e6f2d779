"""Sources are opened by name; what is unknown or missing is said by name."""

from pathlib import Path

import pytest

from paper_exchange.market.factory import SPECS, open_source
from paper_exchange.market.synthetic import SyntheticMarket


def test_without_recordings_auto_is_the_synthetic_market() -> None:
    assert isinstance(open_source(), SyntheticMarket)
    assert isinstance(open_source("auto", recordings=Path("nowhere")), SyntheticMarket)


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"bitmex.*synthetic"):
        open_source("bitmex")


@pytest.mark.parametrize("spec", sorted(set(SPECS) - {"auto", "synthetic"}))
def test_a_missing_recording_is_said_so(spec: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no b"):
        open_source(spec, recordings=tmp_path)
    with pytest.raises(FileNotFoundError):
        open_source(spec)
