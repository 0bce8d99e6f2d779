"""The sections of the configuration, put together from all declarations."""

import pytest

from config.declaration import Stricter, declarations, from_file
from config.limits import RiskLimits
from config.loading import check_value
from config.sections import DECLARED, DECLARING, SECTIONS, keys_of


@pytest.mark.parametrize("path", DECLARED)
def test_every_key_has_a_sentence_and_a_default_within_its_own_bounds(path: str) -> None:
    declared = DECLARED[path]
    assert declared.sentence.endswith(".")
    assert declared.sentence[0].isupper()
    assert (declared.unit == "") == (declared.kind in (bool, str, list))
    assert check_value(declared.default, declared)[1] is None
    assert declared.to_file(declared.to_code(declared.default)) == declared.default
    if declared.at_most:
        assert declared.default <= DECLARED[declared.at_most].default


def test_the_sections_hold_every_declared_key_and_no_other() -> None:
    declared = [each.path for cls in DECLARING for each in declarations(cls)]
    assert sorted(declared) == sorted(DECLARED)
    assert list(DECLARED) == [f"{name}.{key}" for name in SECTIONS for key in keys_of(name)]
    assert {each.stricter for each in DECLARED.values()} == set(Stricter)


def test_the_defaults_of_the_code_are_those_of_the_file() -> None:
    defaults = {path: each.default for path, each in DECLARED.items()}
    assert from_file(RiskLimits, defaults.__getitem__) == RiskLimits()
