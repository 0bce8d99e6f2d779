"""Make targets, continuous integration, locks and the wheel keep their word."""

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.repository import ROOT, project, run_make, text_of, tracked_files

LOCKS = ("requirements.lock", "requirements-dev.lock")
ALONE = ("pyproject.toml", "README.md", "LICENSE", "Dockerfile")
"""The files with which the paper exchange is built alone, in its folder."""
ROOMS = ("config", "models", "bot", "paper_exchange", "tasks", "workers", "console")


def _pins(lock: str) -> dict[str, str]:
    """Version by canonical name."""
    found = re.findall(r"^([A-Za-z0-9_.\-]+)==(\S+)", text_of(lock), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def test_make_help_lists_every_target_with_one_line() -> None:
    phony = re.search(r"^\.PHONY: (.*)$", text_of("Makefile"), re.MULTILINE)
    assert phony is not None
    listed = re.findall(r"^  make (\S+) +(\S.*)$", run_make("help"), re.MULTILINE)
    assert [name for name, _ in listed] == phony.group(1).split()
    rules = re.findall(r"^([a-z]+):", text_of("Makefile"), re.MULTILINE)
    assert rules == phony.group(1).split()


@pytest.mark.parametrize(
    "target", ["run", "check", "unit", "test", "suite", "prove", "lint", "docs", "bench", "clean"]
)
def test_every_target_can_be_planned(target: str) -> None:
    assert run_make("--dry-run", target)


def test_what_is_installed_is_installed_by_hash_and_without_asking_for_more(tmp_path: Path) -> None:
    for name in ("Makefile", "pyproject.toml", *LOCKS):
        shutil.copy(ROOT / name, tmp_path)
    for target, lock in (("run", "requirements.lock"), ("test", "requirements-dev.lock")):
        plan = run_make("--dry-run", target, cwd=tmp_path)
        assert f"--require-hashes --requirement {lock}" in plan.replace("\\\n", "").replace(
            "\t", ""
        )
        assert "--no-deps" in plan
        assert "--no-build-isolation" in plan


def test_a_changed_lock_or_a_moved_clone_is_installed_again(tmp_path: Path) -> None:
    def stamps(directory: Path) -> set[str]:
        return set(re.findall(r"\.venv/\.\w+-\d+", run_make("--dry-run", "test", cwd=directory)))

    first, second = tmp_path / "one", tmp_path / "two"
    for directory in (first, second):
        directory.mkdir()
        for name in ("Makefile", "pyproject.toml", *LOCKS):
            shutil.copy(ROOT / name, directory)
    before = stamps(first)
    assert stamps(first) == before
    assert len(before & stamps(second)) == len(before) - 1  # the environment itself
    with (first / "requirements-dev.lock").open("a", encoding="utf-8") as lock:
        lock.write("# changed\n")
    assert stamps(first) != before


def test_continuous_integration_runs_what_the_readme_says() -> None:
    for script in (ROOT / ".ci").iterdir():
        assert script.stat().st_mode & 0o111
        subprocess.run(["bash", "-n", str(script)], check=True)
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    steps = re.findall(r"^(?!#).*(make test|make prove|\.ci/image)\b", script, re.MULTILINE)
    assert steps == ["make test", ".ci/image", "make prove"]
    assert all(f"make {target} " in text_of("README.md") for target in ("test", "prove"))


def test_what_needs_an_engine_runs_apart_and_is_told_why_there_is_none(tmp_path: Path) -> None:
    """`make containers` starts one; a machine that can't is no failure."""
    assert "make containers " in text_of("README.md")
    assert ".ci/engine .venv/bin/python -m pytest tests/containers" in run_make(
        "--dry-run", "containers"
    )
    for program in ("bash", "dirname", "env", "find", "id", "mktemp", "rm"):
        (tmp_path / program).symlink_to(str(shutil.which(program)))
    told = subprocess.run(
        [ROOT / ".ci" / "engine", "bash", "-c", 'echo "<$NO_ENGINE>"; exit 3'],
        env={"PATH": str(tmp_path), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert told.returncode == 3
    assert re.search(r"^<.+>$", told.stdout, re.MULTILINE), told.stdout + told.stderr
    assert not [path for path in tmp_path.iterdir() if path.is_dir()]


@pytest.mark.parametrize("lock", LOCKS)
def test_a_lock_pins_every_package_by_hash_and_names_no_host(lock: str) -> None:
    text = text_of(lock)
    assert "://" not in text
    assert not re.findall(r"^\s*(-i|-f|--index-url|--extra-index-url|--find-links)", text, re.M)
    entries = re.split(r"\n(?=[A-Za-z0-9])", re.sub(r"^#.*\n", "", text, flags=re.MULTILINE))
    for entry in entries:
        assert re.match(r"[A-Za-z0-9_.\-]+==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_what_runs_is_what_was_tested() -> None:
    runtime, tested = _pins("requirements.lock"), _pins("requirements-dev.lock")
    assert runtime.items() <= tested.items()


def test_the_locks_satisfy_what_the_project_asks_for() -> None:
    asked = project()
    groups = asked["dependency-groups"]
    assert groups["build"] == asked["build-system"]["requires"]
    runtime = [*_runtime(), *groups["build"]]
    for lock, wanted in (
        ("requirements.lock", runtime),
        ("requirements-dev.lock", [*runtime, *groups["dev"]]),
    ):
        pins = _pins(lock)
        for requirement in map(Requirement, wanted):
            version = pins.get(canonicalize_name(requirement.name))
            assert version is not None, f"{requirement} is missing in {lock}: run `make lock`"
            assert requirement.specifier.contains(version), f"{requirement} in {lock}: {version}"


def test_what_runs_needs_every_package_that_it_asks_for() -> None:
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for path in tracked_files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in ROOMS
    )
    for requirement in map(Requirement, _runtime()):
        name = _MODULES.get(requirement.name, requirement.name.replace("-", "_"))
        is_imported = re.search(rf"^\s*(?:import|from) {name}\b", code, re.MULTILINE)
        is_started = f'"{name}"' in code
        assert is_imported or is_started, f"nothing uses {requirement.name}"


_MODULES = {
    "argon2-cffi": "argon2",
    "celery-redbeat": "redbeat",
    "pyyaml": "yaml",
    "websocket-client": "websocket",
}
"""Packages whose module has another name."""


def _runtime() -> list[str]:
    asked = project()["project"]
    extras = asked["optional-dependencies"].values()
    return [*asked["dependencies"], *(name for extra in extras for name in extra)]


def test_no_file_names_a_machines_own_path_or_a_package_index() -> None:
    # Patterns in pieces, so that this file does not match itself.
    foreign = re.compile(
        "|".join(
            (
                "/wor" + "k/",
                "/Use" + r"rs/\w",
                "/ho" + r"me/\w",
                "pypi" + r"\.",
                "python" + "hosted",
            )
        )
    )
    for path in tracked_files():
        if path.suffix in (".lock", ".gz", ".png"):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            assert not foreign.search(line), f"{path.relative_to(ROOT)}:{number}: {line.strip()}"


def test_every_module_begins_by_saying_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.suffix == ".py"
        and path.relative_to(ROOT).parts[0] in (*ROOMS, "examples", "benchmarks")
        and not path.read_text(encoding="utf-8").startswith('"""')
    ]
    assert not silent


def test_the_wheel_carries_data_migrations_and_types(tmp_path: Path) -> None:
    source = tmp_path / "source"
    for path in tracked_files():
        if path.name == "LICENSE" or path.suffix in (
            ".py",
            ".yaml",
            ".json",
            ".css",
            ".html",
            ".js",
            ".mako",
            ".svg",
            ".md",
            ".typed",
            ".toml",
        ):
            copy = source / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, copy)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--wheel-dir", str(tmp_path), str(source)),
        ],
        check=True,
        capture_output=True,
        cwd=tmp_path,
    )
    (wheel,) = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"{room}/py.typed" for room in ROOMS} <= names
    packaged = {
        str(path.relative_to(ROOT))
        for path in tracked_files()
        if path.relative_to(ROOT).parts[0] in (*ROOMS, "examples") and path.name not in ALONE
    }
    assert packaged == {name for name in names if ".dist-info/" not in name}
