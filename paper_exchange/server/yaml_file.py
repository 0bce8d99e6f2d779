"""Reads a short YAML file within bounds. Every problem becomes one line with its place."""

from pathlib import Path
from typing import Any

import yaml

from paper_exchange.errors import PaperExchangeError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20


class YamlFileError(PaperExchangeError):
    """The file is no usable YAML; the message begins with its path, and the line where known."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(f"{path if line is None else f'{path}:{line}'}: {problem}")


def load_yaml(path: Path) -> Any:
    """The value of the file's one document; None if it is empty. Raises YamlFileError.

    Anchors are refused, because a few lines of aliases can stand for gigabytes.
    """
    text = _read(path)
    try:
        _check(path, text)
        return yaml.load(text, Loader=_OneOfEachKey)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = None if mark is None else mark.line + 1
        raise YamlFileError(path, line, f"not readable as YAML: {error.problem}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlFileError(path, line, f"not readable as YAML: {error.reason}") from error


class _OneOfEachKey(yaml.SafeLoader):
    """Refuses a key that stands twice in a mapping. The plain loader keeps the last one."""

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep=deep)
        except (ValueError, OverflowError, TypeError) as error:  # 2024-99-99, 5,000 digits
            problem = "the value can't be read"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from error

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        known: set[object] = set()
        for key, _ in node.value:
            name = (key.tag, key.value) if isinstance(key, yaml.ScalarNode) else None
            if name is not None and name in known:
                problem = f"the key {key.value!r} stands here twice"
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            known.add(name)
        found: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return found


def _read(path: Path) -> str:
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlFileError(path, None, f"can't be read ({error.strerror})") from error
    if len(raw) > MAX_BYTES:
        raise YamlFileError(path, None, f"is longer than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlFileError(path, line, "is not in UTF-8") from error


def _check(path: Path, text: str) -> None:
    """Checks anchors and depth before anything is built, because building recurses."""
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = None if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.AliasEvent):
            raise YamlFileError(path, line, "anchors and aliases are not supported")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > MAX_DEPTH:
            raise YamlFileError(path, line, f"is nested deeper than {MAX_DEPTH} levels")
