"""Reads untrusted YAML; every fault is one line of text with its place.

The reading is bounded. A few lines of YAML can stand for gigabytes (aliases of aliases) or for more
levels than Python has. A number can have more digits than may be converted.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from config.errors import MlriskError

MAX_BYTES = 1_000_000
MAX_DEPTH = 20
MAX_NODES = 50_000
"""Scalars, lists and mappings, each counted as often as aliases repeat it."""


class _BoundedLoader(yaml.SafeLoader):
    """Bounds the depth while it composes, because composing recurses."""

    _depth = 0

    def compose_sequence_node(self, anchor: Any) -> yaml.SequenceNode:
        with self._one_deeper():
            return super().compose_sequence_node(anchor)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        with self._one_deeper():
            return super().compose_mapping_node(anchor)

    @contextmanager
    def _one_deeper(self) -> Iterator[None]:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            line = self.peek_event().start_mark.line + 1  # type: ignore[no-untyped-call]
            raise YamlProblem(f"is nested deeper than {MAX_DEPTH} levels", line)
        yield
        self._depth -= 1


class YamlProblem(MlriskError):
    """A text is no usable YAML. `line` counts from 1; it is None when the whole text is wrong."""

    def __init__(self, problem: str, line: int | None = None) -> None:
        super().__init__(problem)
        self.problem = problem
        self.line = line


def read_text(path: Path) -> str:
    """A file's text. Raises YamlProblem for a file that is missing, too long or not in UTF-8."""
    try:
        with path.open("rb") as stream:
            raw = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise YamlProblem(f"can't be read ({error.strerror})") from error
    if len(raw) > MAX_BYTES:
        raise YamlProblem(f"is longer than {MAX_BYTES} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise YamlProblem("is not in UTF-8", line) from error


def compose(text: str) -> yaml.Node | None:
    """The root node of one document; each node knows its place. Raises YamlProblem."""
    try:
        root = yaml.compose(text, Loader=_BoundedLoader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        said = f"not readable as YAML: {error.problem}"
        raise YamlProblem(said, None if mark is None else mark.line + 1) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlProblem(f"not readable as YAML: {error.reason}", line) from error
    if root is not None:
        _check_size(root)
    return root


def value_of(node: yaml.Node) -> Any:
    """The value that a composed node stands for. Raises YamlProblem."""
    loader = yaml.SafeLoader("")
    line = node.start_mark.line + 1
    try:
        return loader.construct_object(node, deep=True)
    except yaml.MarkedYAMLError as error:
        raise YamlProblem(str(error.problem), line) from error
    except (ValueError, OverflowError, TypeError) as error:  # 2024-99-99, a number of 5,000 digits
        raise YamlProblem("the value can't be read", line) from error
    finally:
        loader.dispose()


def load(text: str) -> Any:
    """The value of one document; None for an empty one. Raises YamlProblem, also for a key that is
    given twice."""
    root = compose(text)
    if root is None:
        return None
    _check_keys(root, set())
    return value_of(root)


def _check_size(root: yaml.Node) -> None:
    sizes: dict[int, int] = {}

    def size(node: yaml.Node, above: tuple[int, ...]) -> int:
        line = node.start_mark.line + 1
        if id(node) in above:
            raise YamlProblem("a value contains itself", line)
        if id(node) not in sizes:
            inside = (*above, id(node))
            sizes[id(node)] = 1 + sum(size(child, inside) for child in _children(node))
        if sizes[id(node)] > MAX_NODES:
            raise YamlProblem(f"its aliases expand to more than {MAX_NODES} values", line)
        return sizes[id(node)]

    size(root, ())


def _check_keys(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        return
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        known: set[tuple[str, str]] = set()
        for key, _ in node.value:
            named = (key.tag, str(key.value)) if isinstance(key, yaml.ScalarNode) else None
            if named in known:
                line = key.start_mark.line + 1
                raise YamlProblem(f"the key {key.value!r} is given twice here", line)
            if named is not None:
                known.add(named)
    for child in _children(node):
        _check_keys(child, seen)


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
