"""The self-assessment for a terminal."""

from collections.abc import Iterator

from rich.console import Console
from rich.markup import escape

from console.output import utc
from console.selfassess.judging import Assessment, ProvingTest, Row, Verdict
from console.selfassess.kinds import Shown

NO_ADVICE = "This is no legal advice, and no statement of an authority."
STYLES = {
    Verdict.FAILED: "bold red",
    Verdict.GAP: "red",
    Verdict.NOT_ASSESSED: "yellow",
    Verdict.NOT_PROVEN: "yellow",
    Verdict.PROVEN: "green",
    Verdict.OUTSIDE: "dim",
}


def print_assessment(out: Console, found: Assessment) -> None:
    """Prints each control with its proof, and the counts at the end."""
    out.print(f"self-assessment of {utc(found.at)}. {NO_ADVICE}")
    out.print(f"running system: {escape(found.system)}")
    out.print(f"results of tests: {escape(results_words(found))}")
    for each in found.judged:
        out.print(f"\n[bold]{escape(each.framework.title)}[/]")
        out.print(escape(each.framework.at_hand))
        for row in each.rows:
            style = STYLES[row.verdict]
            head = f"{row.control.reference}, {row.control.topic}"
            out.print(f"\n[{style}]{row.verdict.value}[/]  {escape(head)} ({row.control.id})")
            for line in _lines(row):
                out.print(f"   {escape(line)}", soft_wrap=True)
    out.print(f"\n{sum(found.counts().values())} controls: {counts_words(found)}")


def results_words(found: Assessment) -> str:
    """Where the results come from, and how many are of other code."""
    others = found.of_other_code()
    older = f"; {others} tests last ran on other code than this" if others else ""
    return f"{found.results}; this code is {found.revision or 'no clone'}{older}"


def counts_words(found: Assessment) -> str:
    """The counts of verdicts in one line."""
    return ", ".join(f"{count} {verdict}" for verdict, count in found.counts().items())


def _lines(row: Row) -> Iterator[str]:
    control = row.control
    yield f"asks ({control.basis.value}): {control.asks}"
    if control.answer:
        yield f"answer: {control.answer}"
    if control.missing:
        yield f"{control.standing.value}: {control.missing}"
    if control.enforced:
        yield f"where: {', '.join(control.enforced)}"
    for test in row.tests:
        yield f"test {test.name}: {proof_words(test)}"
    if row.limits is not None:
        yield f"limits: {shown_words(row.limits)}"
    for kind, each in row.shown.items():
        yield f"{kind.value}: {shown_words(each)}"


def proof_words(test: ProvingTest) -> str:
    """The last proof of a test in one line."""
    proof = test.proof
    if proof is None:
        return test.state.value
    cases = f"{len(proof.cases)} cases, " if len(proof.cases) > 1 else ""
    code = "this code" if test.of_this_code else f"other code ({proof.revision or 'no revision'})"
    return f"{test.state.value}, {cases}{utc(proof.ended_at)}, {code}"


def shown_words(shown: Shown) -> str:
    """A piece of evidence in one line."""
    against = "AGAINST IT: " if shown.holds is False else ""
    when = "" if shown.at is None else f" ({utc(shown.at)})"
    return f"{against}{shown.words}{when}"
