"""`mlrisk audit`: verify, search, export, prove and archive what is recorded."""

import hashlib
import json
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer
from sqlalchemy import select
from sqlalchemy.orm import Session

from bot.authority.actors import is_free
from bot.safety.audit.archiving import archives_that_count
from config.settings import Settings
from console.commands.system._audit_archive import archive_month
from console.context import reading, settings_to_look
from console.errors import ExitCode
from console.options import HomeOption, JsonOption
from console.output import (
    print_json,
    replacing,
    stdout,
    to_json,
    utc,
    write_atomically,
    writing,
)
from console.runtime.audit.archives import (
    ArchivedPayloads,
    payload_in,
    place_in,
    with_archives,
)
from console.runtime.audit.log import VERIFIED, evidence_of, keys_of, prove, verified_before
from console.runtime.configuring import duration_of
from models.tables import AuditLeafRow, AuditRow
from models.transparency import offline_verifier
from models.transparency.checking import Report, check

app = typer.Typer(
    no_args_is_help=True,
    help="Verify the audit, search, export and archive it, and prove one entry to a third party.",
)

_SHOWN = 50
_PAGE = 2_000
ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", help="The directory with the archives of old months."),
]
OutOption = Annotated[
    Path | None, typer.Option("--out", help="Write to this file instead of stdout.")
]


@app.command(epilog="Example: mlrisk audit verify --full")
def verify(
    ctx: typer.Context,
    full: Annotated[
        bool, typer.Option("--full", help="Recompute every entry, not only the new ones.")
    ] = False,
    archive: ArchiveOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Verify the audit's log, its signatures and its witness; name each damaged entry.

    Entries that the last good verification has read are not read again without --full. --archive
    compares the archives too, and what is left of their entries. Exit status 1 means damage.
    """
    settings = settings_to_look(ctx, home)
    evidence = evidence_of(settings)
    since = None if full else verified_before(settings)
    with reading(settings.require_database_url()) as session:
        archived = archives_that_count(session, free=is_free(settings))
        report = check(session, evidence, since, archived)
        if report.faults and report.begins:
            report = check(session, evidence, archived=archived)  # names what was not read
        report = with_archives(session, settings, report, archive)
    if not report.faults:
        _remember(settings, report)
    facts = _facts(settings, report)
    if as_json:
        print_json(facts)
    else:
        _print_report(facts, report)
    if report.faults:
        raise typer.Exit(ExitCode.FAILED)


def _remember(settings: Settings, report: Report) -> None:
    """Where the next verification begins. Where the home can't be written, it reads all again."""
    if report.head is None:
        return
    with suppress(OSError):
        text = json.dumps({"checkpoint": str(report.head)})
        write_atomically(settings.home / VERIFIED, text)


def _facts(settings: Settings, report: Report) -> dict[str, Any]:
    keys = keys_of(settings)
    return {
        "good": not report.faults,
        "size": None if report.head is None else report.head.size,
        "verified_before": report.begins,
        "read": report.entries,
        "witnessed": report.witnessed,
        "waiting": report.waiting,
        "archived": report.archived,
        "log_key": keys.log,
        "witness_key": keys.witness,
        "faults": [
            {"kind": f.kind, "chain": f.chain, "entry": f.seq, "leaf": f.leaf, "says": f.text}
            for f in report.faults
        ],
    }


def _print_report(facts: dict[str, Any], report: Report) -> None:
    out = stdout()
    for fault in report.faults[:_SHOWN]:
        out.print(f"{fault.kind}: {fault.text}", markup=False)
    if len(report.faults) > _SHOWN:
        out.print(f"and {len(report.faults) - _SHOWN} more", markup=False)
    verdict = "the audit is as it was written" if facts["good"] else "THE AUDIT IS DAMAGED"
    out.print(
        f"{verdict}: {report.entries} entries were read, {report.begins} were verified before, "
        f"{report.witnessed} are witnessed, {report.waiting} wait for their place",
        markup=False,
    )
    if report.archived:
        out.print(
            f"{report.archived} of the entries that were read have their payload in an archive: "
            "what is left of them was verified",
            markup=False,
        )
    for name in ("log", "witness"):
        out.print(f"{name} key: {facts[f'{name}_key'] or 'none yet'}", markup=False)


@app.command(epilog="Example: mlrisk audit search --kind halted --since 7d")
def search(
    ctx: typer.Context,
    kind: Annotated[str | None, typer.Option("--kind", help="The kind of entry.")] = None,
    subject: Annotated[
        str | None, typer.Option("--subject", help="What the entry is about, for example an id.")
    ] = None,
    actor: Annotated[str | None, typer.Option("--actor", help="Who did it.")] = None,
    since: Annotated[str | None, typer.Option("--since", help="30s, 15m, 1h, 7d.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=10_000)] = 100,
    archive: ArchiveOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """List audit entries, the newest first; every given option must fit.

    An entry whose payload is in an archive names it; --archive reads it from there.
    """
    query = select(AuditRow).order_by(AuditRow.at.desc(), AuditRow.seq.desc()).limit(limit)
    for column, value in (
        (AuditRow.kind, kind),
        (AuditRow.subject, subject),
        (AuditRow.actor, actor),
    ):
        if value is not None:
            query = query.where(column == value)
    if since is not None:
        query = query.where(AuditRow.at >= datetime.now(UTC) - duration_of(since))
    settings = settings_to_look(ctx, home)
    with reading(settings.require_database_url()) as session:
        payloads = ArchivedPayloads(session, settings, archive)
        found = session.scalars(query).all()
        leaves = payloads.leaves(found)
        rows = [_with_payload(row, payloads, leaves) for row in found]
    if as_json:
        print_json({"entries": rows})
        return
    for row in rows:
        payload = json.dumps(row["payload"], ensure_ascii=False)
        stdout().print(
            f"{utc(row['at'])} {row['chain']}/{row['seq']} {row['kind']} {row['subject']} by "
            f"{row['actor']} {payload}{_told(row.get('archive'))}",
            markup=False,
        )
    if not rows:
        stdout().print("no entry fits", markup=False)


def _told(archive: dict[str, Any] | None) -> str:
    return "" if archive is None else f" (in {archive['file']}, sha256 {archive['sha256']})"


def _with_payload(
    row: AuditRow, payloads: ArchivedPayloads, leaves: dict[tuple[str, int], str]
) -> dict[str, Any]:
    """An entry; the archive of its payload is named, and read if its directory was given."""
    found, declared = _entry(row), payloads.archive_of(row)
    if declared is None:
        return found
    leaf = leaves.get((row.chain, row.seq))
    payload = row.payload if leaf is None else payload_in(leaf)
    return {**found, "payload": payload, "archive": place_in(declared)}


def _entry(row: AuditRow) -> dict[str, Any]:
    return {
        "chain": row.chain,
        "seq": row.seq,
        "at": row.at,
        "kind": row.kind,
        "subject": row.subject,
        "actor": row.actor,
        "payload": row.payload,
    }


@app.command(epilog="Example: mlrisk audit export audit.jsonl")
def export(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The file to write, one JSON object a line.")],
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write every audit entry with its place in the log to a file, one JSON object a line."""
    settings = settings_to_look(ctx, home)
    digest, count = hashlib.sha256(), 0
    with (
        reading(settings.require_database_url()) as session,
        writing(file),
        replacing(file) as unfinished,
        unfinished.open("w", encoding="utf-8") as stream,
    ):
        for line in _lines(session):
            digest.update(line.encode())
            stream.write(line)
            count += 1
    facts = {"file": file, "entries": count, "sha256": digest.hexdigest()}
    if as_json:
        print_json(facts)
    else:
        stdout().print(f"{count} entries, sha256 {facts['sha256']}, in {file}", markup=False)


def _lines(session: Session) -> Iterator[str]:
    """Every entry in the order of the log; those without a place come last."""
    query = (
        select(AuditRow, AuditLeafRow.leaf)
        .outerjoin(
            AuditLeafRow,
            (AuditLeafRow.chain == AuditRow.chain) & (AuditLeafRow.seq == AuditRow.seq),
        )
        .order_by(AuditLeafRow.leaf.asc().nulls_last(), AuditRow.chain, AuditRow.seq)
        .execution_options(yield_per=_PAGE)
    )
    for row, leaf in session.execute(query):
        entry = {"leaf": leaf, **_entry(row), "at": row.at.astimezone(UTC).isoformat()}
        entry |= {"prev_hash": row.prev_hash, "hash": row.hash}
        yield json.dumps(entry, sort_keys=True) + "\n"
        session.expunge(row)


@app.command("prove", epilog="Example: mlrisk audit prove REQUEST_ID --out proof.json")
def prove_entry(
    ctx: typer.Context,
    request_id: Annotated[str, typer.Argument(help="The request, or another entry's subject.")],
    kind: Annotated[str, typer.Option("--kind", help="The kind of entry.")] = "decision",
    out: OutOption = None,
    archive: ArchiveOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Prove an entry to a third party: entry, inclusion proof, signed and cosigned checkpoint.

    `mlrisk audit verifier` prints the program that verifies the file without mlrisk. The payload of
    an old entry may be in an archive, whose directory --archive names.
    """
    settings = settings_to_look(ctx, home)
    with reading(settings.require_database_url()) as session:
        payloads = ArchivedPayloads(session, settings, archive)
        proof = prove(session, settings, request_id, kind, payloads.leaf)
    if out is None:
        print_json(proof)
        return
    with writing(out):
        write_atomically(out, to_json(proof) + "\n")
    keys = keys_of(settings)
    if as_json:
        print_json({"file": out, "log_key": keys.log, "witness_key": keys.witness})
        return
    stdout().print(
        f"{out}: verify it with\n  mlrisk audit verifier > offline_verifier.py\n"
        f"  python offline_verifier.py {out} --log-key {keys.log} --witness-key {keys.witness}",
        markup=False,
        soft_wrap=True,
    )


app.command("archive", epilog="Example: mlrisk audit archive --month 2025-01 --to /srv/archives")(
    archive_month
)


@app.command(epilog="Example: mlrisk audit verifier > offline_verifier.py")
def verifier(out: OutOption = None, as_json: JsonOption = False) -> None:
    """Print the program that verifies a proof without mlrisk: one file for Python 3.11."""
    source = Path(offline_verifier.__file__).read_text(encoding="utf-8")
    digest = hashlib.sha256(source.encode()).hexdigest()
    if out is not None:
        with writing(out):
            write_atomically(out, source)
    if as_json:
        print_json({"file": out, "sha256": digest, "program": None if out else source})
    elif out is None:
        sys.stdout.write(source)
    else:
        stdout().print(f"{out}, sha256 {digest}", markup=False)
