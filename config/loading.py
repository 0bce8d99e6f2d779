"""Reads a layered YAML file: reports every error at once with file and line, and keeps every
value's origin."""

import difflib
import reprlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import yaml

from config import bounded_yaml
from config.bounded_yaml import YamlProblem
from config.declaration import Declaration
from config.errors import MlriskError
from config.sections import SECTIONS, keys_of

LAYERS = ("base", "environments", "modes", "overrides")
SCALE = "scale"
_LONGEST_KEY = 200
# The bounds of a wrong value's text in messages.
_shown = reprlib.Repr()
_shown.maxlevel, _shown.maxstring, _shown.maxother = 2, 120, 120


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file; lines count from 1."""

    file: str
    line: int | None = None

    def __str__(self) -> str:
        return self.file if self.line is None else f"{self.file}:{self.line}"


class ConfigError(MlriskError):
    """The configuration is refused; the message lists every problem with file and line."""

    def __init__(self, problems: Iterable[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True, slots=True)
class Origin:
    """The layer that gave a value, and the place where the value is written."""

    layer: str
    place: Place

    def __str__(self) -> str:
        return f"{self.layer} ({self.place})"


@dataclass(slots=True)
class Layer:
    """One layer's values and factors by `section.key`."""

    name: str
    values: dict[str, tuple[Any, Place]] = field(default_factory=dict)
    scales: dict[str, tuple[float, Place]] = field(default_factory=dict)


@dataclass(slots=True)
class Document:
    """A parsed file: its layers by name, for instance `base` or `environments.production`."""

    layers: dict[str, Layer]
    problems: list[str]

    def names(self, kind: str) -> list[str]:
        """The names of the layers of one kind, for instance of `environments`."""
        return [name.split(".", 1)[1] for name in self.layers if name.startswith(f"{kind}.")]


def read(path: Path) -> Document:
    """Parse and check a file. Problems are collected; only an unreadable file raises."""
    try:
        text = bounded_yaml.read_text(path)
    except YamlProblem as error:
        raise ConfigError([f"{Place(str(path), error.line)}: {error.problem}"]) from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Document:
    """Reads a layered YAML text; `name` is the file's name in messages.

    Problems of keys and values are collected in the answer. Raises ConfigError when the text is no
    YAML within the bounds of size and depth.
    """
    try:
        root = bounded_yaml.compose(text)
    except YamlProblem as error:
        raise ConfigError([f"{Place(name, error.line)}: {error.problem}"]) from error
    reader = _Reader(name)
    reader.document(root)
    return Document(reader.layers, reader.problems)


def nearest(word: str, known: Iterable[str]) -> str:
    """` (did you mean X?)`, or nothing when no known word is near."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f" (did you mean {close[0]!r}?)" if close else ""


def unknown_key(key: str, section: str | None) -> str:
    """The text that refuses a key. It names the nearest key, or the section that the key belongs
    to."""
    here = list(SECTIONS) if section is None else list(keys_of(section))
    hint = nearest(key, here)
    if not hint:
        for other in SECTIONS:
            if key in keys_of(other):
                return f"unknown key {key!r} (it belongs to {other!r})"
        everywhere = [name for other in SECTIONS for name in keys_of(other)]
        hint = nearest(key, [*SECTIONS, *everywhere])
    return f"unknown key {key!r}{hint}"


def check_value(value: Any, declared: Declaration) -> tuple[Any, str | None]:
    """The value in its own type, and its fault; None for a value without fault."""
    wrong = f"must be {declared.describe()}, found {_shown.repr(value)}"
    if value is None:
        return None, None if declared.nullable else wrong
    if declared.kind is bool:
        return value, None if isinstance(value, bool) else wrong
    if declared.kind is str:
        return value, None if _is_word(value, declared) else wrong
    if declared.kind is list:
        if not isinstance(value, list | tuple) or not all(_is_word(v, declared) for v in value):
            return None, wrong
        return tuple(value), None
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        return None, wrong
    if declared.kind is int and not isinstance(value, int):
        return None, wrong
    try:
        number = float(value)
    except (ValueError, OverflowError):  # beyond any float, or a signalling NaN
        return None, wrong
    inside = (
        number - number == 0.0
        and (declared.low is None or number >= declared.low)
        and (declared.high is None or number <= declared.high)
        and (declared.above is None or number > declared.above)
    )
    return (int(value) if declared.kind is int else number), None if inside else wrong


def _is_word(value: Any, declared: Declaration) -> bool:
    return isinstance(value, str) and (not declared.choices or value in declared.choices)


class _Reader:
    """Walks the YAML nodes, which know their lines, and collects layers and problems."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.layers: dict[str, Layer] = {}
        self.problems: list[str] = []

    def document(self, root: yaml.Node | None) -> None:
        for key, node, place in self._entries(root, "the file"):
            if key == "base" or key == "overrides":
                self._layer(key, node, scaled=False)
            elif key in ("environments", "modes"):
                for name, layer, _ in self._entries(node, key):
                    self._layer(f"{key}.{name}", layer, scaled=key == "modes")
            else:
                self._problem(place, f"unknown key {key!r}{nearest(key, LAYERS)}")
        if "base" not in self.layers:
            self.problems.append(f"{self.name}: the layer 'base' is missing")

    def _layer(self, name: str, node: yaml.Node, *, scaled: bool) -> None:
        layer = self.layers[name] = Layer(name)
        for key, section, place in self._entries(node, name):
            if key == SCALE and scaled:
                for scaled_key, factors, at in self._entries(section, f"{name}.{SCALE}"):
                    self._section(layer, scaled_key, factors, at, scale=True)
            else:
                self._section(layer, key, section, place, scale=False)

    def _section(
        self, layer: Layer, section: str, node: yaml.Node, place: Place, *, scale: bool
    ) -> None:
        if section not in SECTIONS:
            self._problem(place, f"{layer.name}: {unknown_key(section, None)}")
            return
        known = keys_of(section)
        for key, value_node, at in self._entries(node, f"{layer.name}.{section}"):
            where = f"{layer.name}.{section}"
            if key not in known:
                self._problem(at, f"{where}: {unknown_key(key, section)}")
            elif scale:
                self._scale(layer, f"{section}.{key}", known[key], value_node, at)
            else:
                value, wrong = check_value(_construct(value_node), known[key])
                if wrong is not None:
                    self._problem(at, f"{where}.{key} {wrong}")
                else:
                    layer.values[f"{section}.{key}"] = (value, at)

    def _scale(
        self, layer: Layer, path: str, declared: Declaration, node: yaml.Node, place: Place
    ) -> None:
        factor, wrong = check_value(_construct(node), Declaration(kind=float, above=0))
        if declared.kind is not float:
            wrong = "is no fraction and can't be scaled"
        if wrong is not None:
            self._problem(place, f"{layer.name}.{SCALE}.{path} {wrong}")
        else:
            layer.scales[path] = (factor, place)

    def _entries(self, node: yaml.Node | None, what: str) -> list[tuple[str, yaml.Node, Place]]:
        if node is None or (isinstance(node, yaml.ScalarNode) and node.value in ("", "null", "~")):
            return []
        if not isinstance(node, yaml.MappingNode):
            self._problem(self._place(node), f"{what} must be a mapping of keys to values")
            return []
        found: dict[str, tuple[str, yaml.Node, Place]] = {}
        for key_node, value_node in node.value:
            place = self._place(key_node)
            if not isinstance(key_node, yaml.ScalarNode) or len(key_node.value) > _LONGEST_KEY:
                self._problem(place, f"{what}: a key must be a word")
                continue
            key = str(key_node.value)
            if key in found:
                self._problem(place, f"{what}: the key {key!r} is given twice here")
            found[key] = (key, value_node, place)
        return list(found.values())

    def _place(self, node: yaml.Node) -> Place:
        return Place(self.name, node.start_mark.line + 1)

    def _problem(self, place: Place, text: str) -> None:
        self.problems.append(f"{place}: {text}")


def _construct(node: yaml.Node) -> Any:
    try:
        return bounded_yaml.value_of(node)
    except YamlProblem as error:
        return f"unreadable ({error.problem})"


def from_mapping(values: Mapping[str, Any], source: str) -> Layer:
    """An override layer from `section.key` names or nested sections; raises ConfigError."""
    layer, problems, place = Layer(source), [], Place(source)
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping):
            flat.update({f"{key}.{inner}": each for inner, each in value.items()})
        else:
            flat[key] = value
    for path, value in flat.items():
        section, _, key = path.partition(".")
        if section not in SECTIONS:
            problems.append(f"{source}: {unknown_key(path, None)}")
        elif key not in keys_of(section):
            problems.append(f"{source}: {section}: {unknown_key(key, section)}")
        else:
            checked, wrong = check_value(value, keys_of(section)[key])
            if wrong is None:
                layer.values[path] = (checked, place)
            else:
                problems.append(f"{source}: {path} {wrong}")
    if problems:
        raise ConfigError(problems)
    return layer
