"""Documents become whole files or none, and what can't be done is said before any work."""

import importlib.util
from pathlib import Path

import pytest

from console.errors import CommandError, ExitCode
from console.reports import writing
from console.reports.writing import check_files, write_document
from tests.support.documents.html import Page
from tests.support.documents.pdf_text import read_pdf
from tests.unit.console.reports.samples import document


def test_page_and_pdf_are_written_and_replace_former_ones(tmp_path: Path) -> None:
    page, pdf = tmp_path / "day.html", tmp_path / "day.pdf"
    page.write_text("old")
    write_document(document(), page, pdf)
    assert "mlrisk fine" in Page(page.read_text(encoding="utf-8")).text
    assert read_pdf(pdf.read_bytes()).title == "mlrisk fine"
    assert sorted(tmp_path.iterdir()) == [page, pdf]
    write_document(document(), None, None)


@pytest.mark.parametrize("name", ["day.html", "day.pdf"])
def test_a_link_or_a_directory_is_never_replaced(tmp_path: Path, name: str) -> None:
    kept, place = tmp_path / "kept", tmp_path / name
    kept.write_text("kept")
    files = (place, None) if name.endswith("html") else (None, place)
    place.symlink_to(kept)
    with pytest.raises(CommandError, match="is a symbolic link") as told:
        write_document(document(), *files)
    assert told.value.exit_code is ExitCode.USAGE
    place.unlink()
    place.mkdir()
    with pytest.raises(CommandError, match="is no file"):
        write_document(document(), *files)
    assert kept.read_text() == "kept"
    assert sorted(tmp_path.iterdir()) == sorted([kept, place])


def test_a_missing_library_is_named_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        writing, "find_spec", lambda name: None if name == "matplotlib" else object()
    )
    with pytest.raises(CommandError, match="extra `pictures`") as told:
        check_files({"--pdf": Path("a.pdf")}, pictures=True)
    assert told.value.exit_code is ExitCode.USAGE
    check_files({"--html": Path("a.html")}, pictures=False)
    assert importlib.util.find_spec("matplotlib") is not None


def test_two_options_must_not_name_one_file() -> None:
    with pytest.raises(CommandError, match="--html and --pdf name the same file"):
        check_files({"--csv": None, "--html": Path("a"), "--pdf": Path("./a")}, pictures=False)
