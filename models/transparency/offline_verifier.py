"""Verifies the proof of one audit entry, or an archive, without mlrisk, database or network.

    python offline_verifier.py PROOF.json --log-key LOG_KEY --witness-key WITNESS_KEY
    python offline_verifier.py audit-2026-01.jsonl.gz --log-key LOG_KEY --witness-key WITNESS_KEY

It needs Python 3.11 and the package `cryptography`. Exit status: 0 the file holds, 1 it does not,
2 it can't be read. The formats are public: Merkle tree and proofs of RFC 6962 and RFC 9162, and
signed notes, checkpoints and cosignatures of C2SP (signed-note, tlog-checkpoint, tlog-cosignature).
"""

import argparse
import base64
import binascii
import gzip
import hashlib
import json
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORMAT = "mlrisk-audit-proof/v1"
ARCHIVE_FORMAT = "mlrisk-audit-archive/v1"
LOG_SIGNATURE = 1
"""The type of a plain Ed25519 signature over a note."""
COSIGNATURE = 4
"""The type of a witness' Ed25519 signature with its time."""
EMPTY_ROOT = hashlib.sha256().digest()
_HASH_BYTES = 32
_MOST_SIGNATURES = 64
_LATEST = (1 << 63) - 1
_MOST_BYTES = 1 << 24
_SIZE = re.compile("0|[1-9][0-9]{0,18}")


class ProofError(Exception):
    """A proof, a signature or a format does not hold; the message says which and why."""


def leaf_hash(data: bytes) -> bytes:
    """The hash of a leaf: SHA-256 of 0x00 and the data."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node: SHA-256 of 0x01 and its two children."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def require_inclusion(
    leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes
) -> None:
    """Raises ProofError unless a tree of `size` leaves with this root has the leaf at `index`."""
    _require_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"leaf {index} is not in a tree of {size} leaves")
    if _climb(leaf, index, size - 1, proof) != root:
        raise ProofError("the inclusion proof leads to another root")


def _climb(found: bytes, place: int, last: int, proof: Sequence[bytes]) -> bytes:
    """The root above a leaf (RFC 9162, 2.1.3.2)."""
    for sibling in proof:
        if last == 0:
            raise ProofError("the inclusion proof is too long")
        if place & 1 or place == last:
            found = node_hash(sibling, found)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofError("the inclusion proof is too short")
    return found


def require_consistency(
    old_size: int, new_size: int, old_root: bytes, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raises ProofError unless the tree of `new_size` leaves begins with the tree of
    `old_size`."""
    if old_size <= 0:
        raise ProofError("nothing can be proven from an empty tree")
    if old_size > new_size:
        raise ProofError(f"a tree of {new_size} leaves can't follow one of {old_size}")
    if old_size == new_size:
        if proof or old_root != new_root:
            raise ProofError("two trees of one size have different roots or a proof")
        return
    _require_hashes(old_root, new_root, *proof)
    found_old, found_new = _climb_both(old_size, new_size, old_root, proof)
    if found_old != old_root:
        raise ProofError("the consistency proof leads to another old root")
    if found_new != new_root:
        raise ProofError("the consistency proof leads to another new root")


def _climb_both(
    old_size: int, new_size: int, old_root: bytes, proof: Sequence[bytes]
) -> tuple[bytes, bytes]:
    """The old and the new root (RFC 9162, 2.1.4.2)."""
    path = [old_root, *proof] if old_size & (old_size - 1) == 0 else list(proof)
    if not path:
        raise ProofError("the consistency proof is empty")
    place, last = old_size - 1, new_size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = path[0]
    for sibling in path[1:]:
        if last == 0:
            raise ProofError("the consistency proof is too long")
        if place & 1 or place == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, sibling)
        place, last = place >> 1, last >> 1
    if last != 0:
        raise ProofError("the consistency proof is too short")
    return old, new


def _require_hashes(*hashes: bytes) -> None:
    if any(len(each) != _HASH_BYTES for each in hashes):
        raise ProofError("a hash has not 32 bytes")


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key with its name and purpose: `NAME+KEY_ID+BASE64` (C2SP signed-note)."""

    name: str
    purpose: int
    public: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key of one line. Raises ProofError."""
        parts = text.strip().split("+", 2)
        if len(parts) != 3:
            raise ProofError("a key has the form NAME+KEY_ID+BASE64")
        encoded = _from_base64(parts[2])
        if len(encoded) != 1 + _HASH_BYTES or encoded[0] not in (LOG_SIGNATURE, COSIGNATURE):
            raise ProofError("the key is none of Ed25519 for notes or cosignatures")
        found = cls(_name(parts[0]), encoded[0], encoded[1:])
        if found.key_id.hex() != parts[1]:
            raise ProofError("the key's id is not that of its name and public key")
        return found

    @property
    def key_id(self) -> bytes:
        """The four bytes that name the key in a signature line."""
        seen = self.name.encode() + b"\n" + bytes([self.purpose]) + self.public
        return hashlib.sha256(seen).digest()[:4]

    def __str__(self) -> str:
        encoded = base64.b64encode(bytes([self.purpose]) + self.public).decode()
        return f"{self.name}+{self.key_id.hex()}+{encoded}"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: its name, the number of its leaves and its root."""

    origin: str
    size: int
    root: bytes

    @classmethod
    def parse(cls, text: str) -> Self:
        """The checkpoint in the text of a note. Raises ProofError."""
        lines = text.split("\n")
        if len(lines) < 4 or lines.pop() or not all(lines):
            raise ProofError("a checkpoint has at least three lines, and none is empty")
        origin, size, root = lines[:3]
        if not _SIZE.fullmatch(size):
            raise ProofError("the size of the checkpoint is no decimal number")
        found = cls(origin, int(size), _from_base64(root))
        _require_hashes(found.root)
        return found

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A text and the signatures below it: name, key id and bytes of each."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, whole: str) -> Self:
        """The note of a file. Raises ProofError."""
        _encoded(whole)
        if any(character < " " and character != "\n" for character in whole):
            raise ProofError("a note has no control characters")
        text, blank, below = whole.rpartition("\n\n")
        if not blank or not below.endswith("\n"):
            raise ProofError("a note is a text, an empty line and signatures")
        lines = below[:-1].split("\n")
        if len(lines) > _MOST_SIGNATURES:
            raise ProofError("the note has too many signatures")
        return cls(text + "\n", tuple(_signature(line) for line in lines))

    def signed_by(self, key: VerifierKey) -> datetime | None:
        """Raises ProofError unless this key signed the text; the time of a cosignature."""
        mine = [
            signature
            for name, key_id, signature in self.signatures
            if (name, key_id) == (key.name, key.key_id)
        ]
        if not mine:
            raise ProofError(f"{key.name} has not signed the checkpoint")
        times = [self._require_signature(key, signature) for signature in mine]
        return times[-1]

    def _require_signature(self, key: VerifierKey, signature: bytes) -> datetime | None:
        at, message = None, self.text.encode()
        if key.purpose == COSIGNATURE:
            seconds = int.from_bytes(signature[:8], "big")
            if len(signature) != 72 or seconds > _LATEST:
                raise ProofError(f"the cosignature of {key.name} has another form")
            message, signature = cosigned_message(self.text, seconds), signature[8:]
            at = _moment(seconds)
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
        except InvalidSignature:
            raise ProofError(f"the signature of {key.name} is wrong") from None
        return at


def cosigned_message(text: str, seconds: int) -> bytes:
    """The bytes that a witness signs: its time and the text of the checkpoint."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def _moment(seconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        raise ProofError("the time of a cosignature is out of range") from None


def _signature(line: str) -> tuple[str, bytes, bytes]:
    dash, name, encoded = (*line.split(" "), "", "", "")[:3]
    if dash != "\u2014" or line.count(" ") != 2:
        raise ProofError("a signature line has the form: dash, name, base64")
    found = _from_base64(encoded)
    if len(found) < 5:
        raise ProofError("a signature is too short")
    return _name(name), found[:4], found[4:]


def _name(name: str) -> str:
    if not name or "+" in name or any(character.isspace() for character in name):
        raise ProofError("a key's name is not empty and has neither spaces nor a plus")
    return name


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise ProofError("a text has characters that have no UTF-8 form") from None


def _from_base64(text: str) -> bytes:
    try:
        found = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ProofError("a value is not base64") from None
    if base64.b64encode(found).decode() != text:
        raise ProofError("a value is not base64 in its one form")
    return found


@dataclass(frozen=True, slots=True)
class Proven:
    """What a proof proves: an entry, its place in the log, and the witness' time."""

    entry: dict[str, Any]
    index: int
    checkpoint: Checkpoint
    witnessed_at: datetime


FIELDS = ("chain", "at", "kind", "subject", "actor", "payload")
"""The fields of an entry, in the order in which its leaf has them."""


def require_proof(proof: dict[str, Any], log: VerifierKey, witness: VerifierKey) -> Proven:
    """Verifies signatures, inclusion and documents of one proof. Raises ProofError."""
    _require_purposes(log, witness)
    try:
        if proof["format"] != FORMAT:
            raise ProofError(f"the file is no {FORMAT}")
        leaf, index, note = str(proof["leaf"]), proof["leaf_index"], Note.parse(proof["checkpoint"])
        path = [_from_base64(each) for each in proof["inclusion_proof"]]
        entry, documents = proof["entry"], dict(proof.get("documents") or {})
        values = json.loads(leaf)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ProofError(f"the file lacks a part: {type(error).__name__} {error}") from None
    if type(index) is not int or not isinstance(values, list) or len(values) != len(FIELDS):
        raise ProofError("the leaf or its place has another form")
    note.signed_by(log)
    at = note.signed_by(witness)
    head = Checkpoint.parse(note.text)
    if head.origin != log.name:
        raise ProofError("the checkpoint is that of another log")
    require_inclusion(leaf_hash(_encoded(leaf)), index, head.size, path, head.root)
    proven = dict(zip(FIELDS, values, strict=True))
    if entry != proven:
        raise ProofError("the entry that is shown is not the one that is proven")
    _require_documents(documents, proven["payload"])
    if at is None:
        raise ProofError("the witness' signature has no time")
    return Proven(proven, index, head, at)


def _require_purposes(log: VerifierKey, witness: VerifierKey) -> None:
    if log.purpose != LOG_SIGNATURE or witness.purpose != COSIGNATURE:
        raise ProofError("one key must be the log's and the other its witness'")


def _require_documents(documents: dict[str, Any], payload: Any) -> None:
    """Each document counts by its SHA-256, which the entry has under the document's name."""
    for name, text in documents.items():
        known = payload.get(f"{name}_sha256") if isinstance(payload, dict) else None
        if known is None or hashlib.sha256(_encoded(str(text))).hexdigest() != known:
            raise ProofError(f"the document {name!r} is not the one that the entry names")


@dataclass(frozen=True, slots=True)
class ArchivedEntry:
    """One entry of an archive: its place in the log and in its chain, its hashes, its leaf."""

    index: int
    seq: int
    prev_hash: str
    hash: str
    leaf: str

    def fields(self) -> dict[str, Any]:
        """The entry's fields by their names."""
        return dict(zip(FIELDS, json.loads(self.leaf), strict=True))


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive is: the leaves from `begins` to before `ends`, under a signed head."""

    month: str
    begins: int
    ends: int
    note: Note
    checkpoint: Checkpoint
    sha256: str


Peaks = list[tuple[int, bytes]]
"""The perfect subtrees of a tree that grows, the largest first: level and root of each."""


def spans(begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Level and index of the largest perfect subtrees that lie from one leaf to before another."""
    while begin < end:
        level = (end - begin).bit_length() - 1
        if begin:
            level = min(level, (begin & -begin).bit_length() - 1)
        yield level, begin >> level
        begin += 1 << level


def read_archive(path: Path, take: Callable[[ArchivedEntry], None] | None = None) -> Archive:
    """Reads a whole archive: every entry leads to the root of its checkpoint, and each chain to
    its next entry. Raises ProofError for one that is cut or changed, and OSError.

    It does not judge the checkpoint's signatures: `require_archive` does.
    """
    with path.open("rb") as file:
        digest = hashlib.sha256()
        while piece := file.read(1 << 20):
            digest.update(piece)
        file.seek(0)
        try:
            return _archive(file, digest.hexdigest(), take or (lambda _: None))
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise ProofError(f"the archive is cut or changed: {error}") from None
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
            said = f"{type(error).__name__} {error}"
            raise ProofError(f"the archive has another form: {said}") from None


def _archive(file: BinaryIO, digest: str, take: Callable[[ArchivedEntry], None]) -> Archive:
    with gzip.GzipFile(fileobj=file) as stream:
        lines = iter(lambda: stream.readline(_MOST_BYTES), b"")
        head = json.loads(next(lines, b"null"))
        if not isinstance(head, dict) or head.get("format") != ARCHIVE_FORMAT:
            raise ProofError(f"the file is no {ARCHIVE_FORMAT}")
        begins, ends, note = head["begins"], head["ends"], Note.parse(head["checkpoint"])
        checkpoint = Checkpoint.parse(note.text)
        if type(begins) is not int or type(ends) is not int:
            raise ProofError("the archive does not say where it begins and ends")
        if not 0 <= begins < ends <= checkpoint.size:
            raise ProofError(f"its leaves are not in a tree of {checkpoint.size} leaves")
        peaks = _paired(spans(0, begins), head["before"])
        count = _grown(peaks, begins, lines, take)
    if count != ends - begins:
        raise ProofError(f"the archive has {count} of {ends - begins} entries")
    for level, root in _paired(spans(ends, checkpoint.size), head["after"]):
        _grow(peaks, level, root)
    if _root(peaks) != checkpoint.root:
        raise ProofError("the entries of the archive lead to another root")
    return Archive(str(head["month"]), begins, ends, note, checkpoint, digest)


def _paired(places: Iterable[tuple[int, int]], encoded: Sequence[str]) -> Peaks:
    """The subtrees at these places, with their roots from the archive."""
    roots = [_from_base64(each) for each in encoded]
    _require_hashes(*roots)
    levels = [level for level, _ in places]
    if len(levels) != len(roots):
        raise ProofError("the archive has not the subtrees around its entries")
    return list(zip(levels, roots, strict=True))


def _grown(
    peaks: Peaks, begins: int, lines: Iterable[bytes], take: Callable[[ArchivedEntry], None]
) -> int:
    """Adds each entry to the tree, and verifies its chain; returns the number of entries."""
    ends: dict[str, tuple[int, str]] = {}
    count = 0
    for line in lines:
        if not line.endswith(b"\n"):
            raise ProofError("a line of the archive is cut")
        said = json.loads(line)
        index = begins + count
        found = ArchivedEntry(index, said["seq"], said["prev_hash"], said["hash"], said["leaf"])
        _require_link(found, ends)
        _grow(peaks, 0, leaf_hash(_encoded(found.leaf)))
        take(found)
        count += 1
    return count


def _require_link(entry: ArchivedEntry, ends: dict[str, tuple[int, str]]) -> None:
    """The entry's hash is that of its content and place, and it follows the one before it."""
    values = json.loads(entry.leaf)
    if not isinstance(values, list) or len(values) != len(FIELDS) or type(entry.seq) is not int:
        raise ProofError(f"leaf {entry.index} has another form")
    chain = values[0]
    begin = f"[{json.dumps(chain)},"
    if not entry.leaf.startswith(begin):
        raise ProofError(f"leaf {entry.index} is not in its one form")
    whole = f"{entry.prev_hash}{begin}{entry.seq},{entry.leaf[len(begin) :]}"
    if hashlib.sha256(_encoded(whole)).hexdigest() != entry.hash:
        raise ProofError(f"{chain}: entry {entry.seq} has another hash than it was written with")
    if ends.get(chain, (entry.seq - 1, entry.prev_hash)) != (entry.seq - 1, entry.prev_hash):
        raise ProofError(f"{chain}: entry {entry.seq} does not follow the entry before it")
    ends[chain] = (entry.seq, entry.hash)


def _grow(peaks: Peaks, level: int, root: bytes) -> None:
    """Adds a perfect subtree at the end of a tree."""
    while peaks and peaks[-1][0] == level:
        root, level = node_hash(peaks.pop()[1], root), level + 1
    peaks.append((level, root))


def _root(peaks: Peaks) -> bytes:
    found = peaks[-1][1]
    for _, peak in reversed(peaks[:-1]):
        found = node_hash(peak, found)
    return found


def require_archive(
    path: Path,
    log: VerifierKey,
    witness: VerifierKey,
    take: Callable[[ArchivedEntry], None] | None = None,
) -> tuple[Archive, datetime]:
    """Verifies a whole archive with its signatures; the time is the witness'. Raises ProofError,
    and OSError."""
    _require_purposes(log, witness)
    found = read_archive(path, take)
    found.note.signed_by(log)
    at = found.note.signed_by(witness)
    if found.checkpoint.origin != log.name:
        raise ProofError("the checkpoint is that of another log")
    if at is None:
        raise ProofError("the witness' signature has no time")
    return found, at


def main(arguments: Sequence[str] | None = None) -> int:
    """Verifies one file and prints what it proves, as JSON."""
    parser = argparse.ArgumentParser(description="Verify a proof or an archive of audit entries.")
    parser.add_argument(
        "file", type=Path, help="what `mlrisk audit prove` or `mlrisk audit archive` wrote"
    )
    parser.add_argument("--log-key", required=True, help="the public key of the log")
    parser.add_argument("--witness-key", required=True, help="the public key of the witness")
    given = parser.parse_args(arguments)
    try:
        keys = VerifierKey.parse(given.log_key), VerifierKey.parse(given.witness_key)
        is_archive = _begins_as_gzip(given.file)
        shown = (_shown_archive if is_archive else _shown_proof)(given.file, *keys)
    except ProofError as error:
        print(f"NOT PROVEN: {error}", file=sys.stderr)  # noqa: T201
        return 1
    except (OSError, ValueError, RecursionError) as error:
        print(f"{given.file} can't be read: {error}", file=sys.stderr)  # noqa: T201
        return 2
    print(json.dumps({"proven": True, **shown}, indent=2))  # noqa: T201
    return 0


def _begins_as_gzip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def _shown_proof(path: Path, log: VerifierKey, witness: VerifierKey) -> dict[str, Any]:
    if path.stat().st_size > _MOST_BYTES:
        raise ProofError("the file is too large")
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ProofError("the file is no JSON object")
    proven = require_proof(found, log, witness)
    return {
        "entry": proven.entry,
        "leaf_index": proven.index,
        **_head(proven.checkpoint, proven.witnessed_at),
    }


def _shown_archive(path: Path, log: VerifierKey, witness: VerifierKey) -> dict[str, Any]:
    found, at = require_archive(path, log, witness)
    return {
        "month": found.month,
        "first_leaf": found.begins,
        "entries": found.ends - found.begins,
        "sha256": found.sha256,
        **_head(found.checkpoint, at),
    }


def _head(checkpoint: Checkpoint, at: datetime) -> dict[str, Any]:
    log = checkpoint.origin
    return {"tree_size": checkpoint.size, "log": log, "witnessed_at": at.isoformat()}


if __name__ == "__main__":
    sys.exit(main())
