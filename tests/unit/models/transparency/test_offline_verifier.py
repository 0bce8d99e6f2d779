"""The verifier accepts what holds, and refuses every spoilt proof, key, note and file."""

import base64
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.transparency import offline_verifier
from models.transparency.merkle import inclusion_proof, root_at
from models.transparency.notes import LogSigner, WitnessSigner
from models.transparency.offline_verifier import (
    FIELDS,
    FORMAT,
    Checkpoint,
    Note,
    ProofError,
    VerifierKey,
    leaf_hash,
    main,
    require_consistency,
    require_inclusion,
    require_proof,
)
from tests.support.audit.merkle_probes import consistencies, inclusions, tree
from tests.support.properties import examples

LOG, WITNESS = LogSigner("a secret of the log"), WitnessSigner("a secret of the witness")
AT = datetime(2026, 11, 30, 10, tzinfo=UTC)
ENTRY = dict(
    zip(FIELDS, ("paper", AT.isoformat(), "decision", "r-1", "gate", {"n": 1}), strict=True)
)


def test_every_probe_of_inclusion_is_judged_as_it_must_be() -> None:
    probes = list(inclusions())
    for probe in probes:
        try:
            require_inclusion(probe.leaf, probe.index, probe.size, probe.proof, probe.root)
            refused = False
        except ProofError:
            refused = True
        assert refused == probe.refused, probe
    assert len(probes) >= 98
    assert sum(not probe.refused for probe in probes) == 6


def test_every_probe_of_consistency_is_judged_as_it_must_be() -> None:
    probes = list(consistencies())
    for probe in probes:
        roots = probe.old_root, probe.new_root
        try:
            require_consistency(probe.old_size, probe.new_size, *roots, probe.proof)
            refused = False
        except ProofError:
            refused = True
        assert refused == probe.refused, probe
    assert len(probes) >= 98
    assert sum(not probe.refused for probe in probes) == 6


def test_the_specification_s_own_note_and_key_are_read() -> None:
    """The example of C2SP's signed-note."""
    key = VerifierKey.parse("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k")
    signature = (
        "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ER"
        "YNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
    )
    whole = f"This is an example message.\n\n\u2014 example.com/foo {signature}\n"
    assert Note.parse(whole).signed_by(key) is None
    with pytest.raises(ProofError, match="is wrong"):
        Note.parse(whole.replace("example m", "other m")).signed_by(key)


def cosigned(size: int = 5, root: bytes | None = None) -> str:
    head = root_at(tree(size), size) if root is None else root
    return WITNESS.cosign(LOG.checkpoint(size, head), AT)


def test_a_checkpoint_tells_who_signed_it_and_when_it_was_witnessed() -> None:
    note = Note.parse(cosigned())
    assert note.signed_by(LOG.key) is None
    assert note.signed_by(WITNESS.key) == AT
    head = Checkpoint.parse(note.text)
    assert (head.origin, head.size, head.root) == (LOG.key.name, 5, root_at(tree(5), 5))
    for key in (LOG.key, WITNESS.key):
        assert VerifierKey.parse(str(key)) == key
    with pytest.raises(ProofError, match="has not signed"):
        note.signed_by(LogSigner("another secret").key)
    with pytest.raises(ProofError, match="has not signed"):
        Note.parse(LOG.checkpoint(5, head.root)).signed_by(WITNESS.key)


@given(st.data())
@settings(max_examples=examples(150))
def test_no_character_of_a_cosigned_checkpoint_can_be_changed(data: st.DataObject) -> None:
    whole = cosigned()
    place = data.draw(st.integers(0, len(whole) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda c: c != whole[place]))
    with pytest.raises(ProofError):
        note = Note.parse(whole[:place] + other + whole[place + 1 :])
        note.signed_by(LOG.key)
        note.signed_by(WITNESS.key)


@pytest.mark.parametrize(
    "text",
    [
        "", "a\n", "a\n1\n", "a\n01\nAAAA\n", "a\n-1\nAAAA\n", "a\n1\nnot base64\n",
        "a\n1\nAAAA\n", "a\n1\nAAAA\n\n", "a\n1\nAAAA", "\n1\nAAAA\n", f"a\n{'9' * 5000}\nAAAA\n",
    ],
)  # fmt: skip
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        Checkpoint.parse(text)


@pytest.mark.parametrize("text", ["", "a", "a+b", "a+00000000+AAAA", "a b+530d903a+AekyeRrm"])
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ProofError):
        VerifierKey.parse(text)


@given(st.text())
@settings(max_examples=examples(100))
def test_any_text_is_a_note_or_is_refused(text: str) -> None:
    try:
        Note.parse(text)
    except ProofError:
        return


def proof() -> dict[str, Any]:
    """The proof of an entry among other leaves."""
    leaf = json.dumps(list(ENTRY.values()), sort_keys=True, separators=(",", ":"))
    nodes = tree(7)
    known = [*nodes.leaves]
    known[3] = leaf_hash(leaf.encode())
    nodes = type(nodes)(known)
    encoded = [base64.b64encode(each).decode() for each in inclusion_proof(nodes, 3, 7)]
    return {
        "format": FORMAT,
        "entry": ENTRY,
        "leaf": leaf,
        "leaf_index": 3,
        "inclusion_proof": encoded,
        "checkpoint": cosigned(7, root_at(nodes, 7)),
    }


def test_a_proof_shows_its_entry_its_place_and_when_it_was_witnessed() -> None:
    found = require_proof(proof(), LOG.key, WITNESS.key)
    assert (found.entry, found.index, found.witnessed_at) == (ENTRY, 3, AT)


SPOILT: list[tuple[str, Any]] = [
    ("format", "another"),
    ("entry", {**ENTRY, "actor": "somebody"}),
    ("leaf", "[]"),
    ("leaf", "{"),
    ("leaf", "\ud800"),
    ("leaf", proof()["leaf"].replace("gate", "mate")),
    ("leaf_index", 2),
    ("leaf_index", True),
    ("leaf_index", "3"),
    ("inclusion_proof", []),
    ("inclusion_proof", [1]),
    ("inclusion_proof", None),
    ("checkpoint", None),
    ("checkpoint", "nothing"),
    ("checkpoint", cosigned(7)),
    ("checkpoint", LogSigner("b").checkpoint(7, bytes(32))),
    ("documents", {"decision": "not named by the entry"}),
    ("documents", [1]),
]


@pytest.mark.parametrize(("part", "value"), SPOILT)
def test_a_spoilt_proof_is_refused(part: str, value: Any) -> None:
    with pytest.raises(ProofError):
        require_proof({**proof(), part: value}, LOG.key, WITNESS.key)
    with pytest.raises(ProofError):
        require_proof({k: v for k, v in proof().items() if k != "leaf"}, LOG.key, WITNESS.key)
    with pytest.raises(ProofError):
        require_proof(proof(), WITNESS.key, LOG.key)


def test_it_runs_alone_from_any_directory_and_knows_nothing_of_mlrisk(tmp_path: Path) -> None:
    """`-I` hides the working directory and every path of ours."""
    file, alone = tmp_path / "proof.json", tmp_path / "verifier.py"
    alone.write_text(Path(offline_verifier.__file__).read_text(encoding="utf-8"))
    file.write_text(json.dumps(proof()))
    words = [sys.executable, "-I", str(alone), str(file)]
    keys = ["--log-key", str(LOG.key), "--witness-key", str(WITNESS.key)]
    done = subprocess.run(
        [*words, *keys], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["entry"] == ENTRY
    assert not [
        line
        for line in alone.read_text().splitlines()
        if line.startswith(("from models", "import models"))
    ]


def test_its_exit_status_tells_what_is_refused_from_what_can_t_be_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "proof.json"
    keys = ["--log-key", str(LOG.key), "--witness-key", str(WITNESS.key)]
    assert main([str(file), *keys]) == 2
    for text, status in (("{", 2), ("[" * 100_000, 2), ("[]", 1), ("{}", 1)):
        file.write_text(text)
        assert main([str(file), *keys]) == status
    file.write_text(json.dumps({**proof(), "leaf_index": 4}))
    assert main([str(file), *keys]) == 1
    assert "NOT PROVEN" in capsys.readouterr().err
