"""The self-assessment as one HTML file: a summary, and a section for each control."""

from collections.abc import Iterator

from console.output import utc
from console.selfassess.judging import Assessment, Judged, ProofState, Row, Verdict
from console.views.assessment_text import NO_ADVICE, proof_words, results_words, shown_words
from console.views.html_page import page, pairs, table, text

_STYLES = {Verdict.FAILED: "bad", Verdict.GAP: "bad", Verdict.PROVEN: "good"}


def assessment_html(found: Assessment) -> str:
    """The whole page. Every text in it is escaped."""
    parts = [_head(found), _summary(found), *map(_framework, found.judged)]
    return page("mlrisk self-assessment", parts)


def _head(found: Assessment) -> str:
    rows = [
        ("made at", found.at),
        ("running system", found.system),
        ("results of tests", results_words(found)),
        *found.counts().items(),
    ]
    return f"<p>{text(NO_ADVICE)}</p>\n{pairs(rows)}"


def _summary(found: Assessment) -> str:
    rows = [
        {"verdict": row.verdict.value, "control": row.control.id, "topic": row.control.topic,
         "what is missing": row.control.missing or "; ".join(_against(row))}
        for row in found.rows(Verdict.FAILED, Verdict.GAP)
    ]  # fmt: skip
    return f"<h2>Gaps and failures: {len(rows)}</h2>\n" + table(
        ("verdict", "control", "topic", "what is missing"), rows
    )


def _against(row: Row) -> Iterator[str]:
    for test in row.tests:
        if test.state is ProofState.FAILED:
            yield f"{test.name}: {proof_words(test)}"
    for shown in row.everything_shown():
        if shown.holds is False:
            yield shown.words


def _framework(judged: Judged) -> str:
    sections = "\n".join(map(_control, judged.rows))
    return (
        f"<h2>{text(judged.framework.title)}</h2>\n<p>{text(judged.framework.at_hand)}</p>\n"
        f"{sections}"
    )


def _control(row: Row) -> str:
    control = row.control
    style = _STYLES.get(row.verdict, "dim")
    return (
        f'<section aria-labelledby="{text(control.id)}">\n'
        f'<h3 id="{text(control.id)}">{text(control.reference)}, {text(control.topic)}</h3>\n'
        f'<p class="{style}">{text(row.verdict.value)}</p>\n{pairs(_facts(row))}\n</section>'
    )


def _facts(row: Row) -> Iterator[tuple[str, str]]:
    control = row.control
    yield "control", control.id
    yield f"asks ({control.basis.value})", control.asks
    if control.answer:
        yield "answer", control.answer
    if control.missing:
        yield control.standing.value, control.missing
    if control.enforced:
        yield "where", ", ".join(control.enforced)
    proof = row.last_proof
    if row.tests:
        yield "last whole proof", "none" if proof is None else utc(proof)
    for test in row.tests:
        yield f"test {test.name}", proof_words(test)
    if row.limits is not None:
        yield "limits", shown_words(row.limits)
    for kind, each in row.shown.items():
        yield kind.value, shown_words(each)
