"""The page of the execution algorithms, from their table and the fields of a message."""

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from bot.execution.algorithms.algorithm import AlgorithmSpec
from bot.execution.algorithms.table import ALGORITHMS
from console.reference.fields import accepted, default_of
from console.reference.markdown import code, head, one_line, paragraphs, sentence, table
from models.enums import Algorithm
from models.messages import SignalData

_HEAD = (
    "A strategy names an algorithm in `signal_data.algorithm`. Without a name mlrisk chooses one. "
    "[How trades are worked](../execution.md) explains the choice, the reasons to wait and the "
    "fallbacks. [Add an algorithm](../how-to/add-an-algorithm.md) says how a new one is made.",
)


def text() -> str:
    """The page as it must be."""
    sections = (_section(name, spec) for name, spec in ALGORITHMS.items())
    return "\n".join((head("Execution algorithms", *_HEAD), *sections, _signal_data()))


def _section(name: Algorithm, spec: AlgorithmSpec) -> str:
    module = import_module(f"bot.execution.algorithms.{name.value}")
    about = paragraphs(module.__doc__ or "")[0]
    facts = "\n".join(f"- {fact}" for fact in _facts(spec))
    return f"## {name.value}\n\n{about}\n\n{facts}\n{_parameters(spec)}"


def _facts(spec: AlgorithmSpec) -> Iterator[str]:
    if spec.plan is None:
        yield "It is event-driven: each step decides the next child order."
    elif spec.stored is None:
        yield "It is planned: all its child orders are known at the start."
    else:
        yield "It is planned or event-driven, as the request says."
    if spec.needs:
        yield f"It needs {' and '.join(need.value for need in spec.needs)}."
    if spec.rests:
        yield "Its child orders rest in the book."
    if spec.parted_by_interval:
        yield "An entry is refused when its interval gives more children than the limit allows."
    if spec.takes_whole_horizon:
        yield "An entry is refused when it expires before the end of its horizon."
    if spec.parameters is None:
        yield "It takes no `signal_data.parameters`."


def _parameters(spec: AlgorithmSpec) -> str:
    if spec.parameters is None:
        return ""
    rows = table(
        ("`signal_data.parameters`", "Accepted", "Default", "Meaning"), _rows(spec.parameters)
    )
    return f"\n{rows}"


def _signal_data() -> str:
    rows = table(("Field", "Accepted", "Default", "Meaning"), _rows(SignalData))
    return (
        "## Fields of signal_data\n\n"
        "`mlrisk schema request` prints the JSON Schema of the whole message.\n\n"
        f"{rows}"
    )


def _rows(model: Any) -> Iterator[tuple[str, str, str, str]]:
    schema = model.model_json_schema(mode="validation")
    for name, field in model.model_fields.items():
        facts = schema["properties"][name]
        meaning = sentence(one_line(field.description or ""))
        yield code(name), accepted(facts, schema), default_of(field, facts), meaning
