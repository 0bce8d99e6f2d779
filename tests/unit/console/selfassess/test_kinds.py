"""Names of tests are those of pytest, without parameters."""

import pytest

from console.selfassess.kinds import Shown, known_test


def test_a_name_of_a_test_is_taken_and_nothing_else() -> None:
    right = "tests/unit/bot/test_x.py::test_y"
    assert known_test(right) == right
    inside = "tests/unit/bot/test_x.py::TestX::test_y"
    assert known_test(inside) == inside
    for wrong in ("", "tests/unit/test_x.py", f"{right}[1]", "bot/x.py::test_y", f"{right}@group"):
        with pytest.raises(ValueError, match="is no test"):
            known_test(wrong)


def test_evidence_is_printed_with_its_time_and_what_it_says() -> None:
    assert Shown("passed", True).to_json() == {"shows": "passed", "holds": True, "at": None}
