"""Reads the text of a PDF back as a reader would: by the fonts' own tables of characters.

It understands the files that `console/reports/pdf.py` writes: plain objects, Flate streams, Type 0
fonts with a ToUnicode table.
"""

import re
import zlib
from dataclasses import dataclass

_OBJECT = re.compile(rb"(\d+) 0 obj\n(.*?)\nendobj", re.DOTALL)
# The last byte of compressed data may look like the end of a line.
_STREAM = re.compile(rb"stream\n(.*)\nendstream", re.DOTALL)
_RANGE = re.compile(rb"<([0-9a-fA-F]+)> <[0-9a-fA-F]+> \[([^\]]*)\]")
_ESCAPES = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}


@dataclass(frozen=True)
class Pdf:
    """The lines of text of each page in the order of drawing, and the document's information."""

    pages: list[list[str]]
    title: str

    @property
    def text(self) -> str:
        """All of it."""
        return "\n".join(line for page in self.pages for line in page)


def read_pdf(whole: bytes) -> Pdf:
    """Raises when the file is not whole or an object is missing."""
    assert whole.startswith(b"%PDF-1."), "no header"
    assert whole.rstrip().endswith(b"%%EOF"), "no end"
    start = int(whole.rsplit(b"startxref", 1)[1].split()[0])
    assert whole[start : start + 4] == b"xref", "the table of objects is not where it should be"
    objects = {int(number): body for number, body in _OBJECT.findall(whole)}
    (catalog,) = [body for body in objects.values() if b"/Type /Catalog" in body]
    tree = objects[_reference(catalog, b"Pages")]
    kids = re.findall(rb"(\d+) 0 R", re.search(rb"/Kids \[(.*?)\]", tree, re.DOTALL)[1])  # type: ignore[index]
    return Pdf([_page(objects, objects[int(kid)]) for kid in kids], _title(objects))


def _page(objects: dict[int, bytes], page: bytes) -> list[str]:
    resources = objects[_reference(page, b"Resources")]
    named = objects[_reference(resources, b"Font")]
    fonts = {
        name: _characters(objects, objects[int(number)])
        for name, number in re.findall(rb"/([\w.+-]+) (\d+) 0 R", named)
    }
    return _lines(_stream(objects[_reference(page, b"Contents")]), fonts)


def _characters(objects: dict[int, bytes], font: bytes) -> dict[int, str]:
    table = _stream(objects[_reference(font, b"ToUnicode")])
    found = {}
    for first, values in _RANGE.findall(table):
        for place, value in enumerate(re.findall(rb"<([0-9a-fA-F]+)>", values)):
            found[int(first, 16) + place] = bytes.fromhex(value.decode()).decode("utf-16be")
    return found


def _lines(content: bytes, fonts: dict[bytes, dict[int, str]]) -> list[str]:
    """The text between each BT and ET."""
    lines: list[str] = []
    table: dict[int, str] = {}
    place, name = 0, b""
    while place < len(content):
        if content[place : place + 1] == b"(":
            raw, place = _literal(content, place + 1)
            codes = [int.from_bytes(raw[n : n + 2], "big") for n in range(0, len(raw), 2)]
            lines[-1] += "".join(table[code] for code in codes)
            continue
        word = re.match(rb"[^\s()\[\]]+|[\s\[\]]+", content[place:])
        assert word is not None, content[place : place + 20]
        token = word[0].strip()
        if token == b"BT":
            lines.append("")
        elif token.startswith(b"/"):
            name = token[1:]
        elif token == b"Tf":
            table = fonts[name]
        place += len(word[0])
    return lines


def _literal(content: bytes, place: int) -> tuple[bytes, int]:
    """The bytes of a string up to its closing bracket, and the place after it."""
    found, depth = b"", 1
    while True:
        character = content[place : place + 1]
        assert character, "a string does not end"
        place += 1
        if character == b"\\":
            octal = re.match(rb"[0-7]{1,3}", content[place:])
            if octal:
                found += bytes([int(octal[0], 8)])
                place += len(octal[0])
                continue
            escaped = content[place : place + 1]
            found += _ESCAPES.get(escaped, escaped)
            place += 1
            continue
        depth += {b"(": 1, b")": -1}.get(character, 0)
        if not depth:
            return found, place
        found += character


def _stream(body: bytes) -> bytes:
    found = _STREAM.search(body)
    assert found is not None, "no stream"
    return zlib.decompress(found[1]) if b"/FlateDecode" in body else found[1]


def _reference(body: bytes, name: bytes) -> int:
    found = re.search(rb"/" + name + rb" (\d+) 0 R", body)
    assert found is not None, f"no {name.decode()} in {body[:200]!r}"
    return int(found[1])


def _title(objects: dict[int, bytes]) -> str:
    (about,) = [body for body in objects.values() if b"/Title" in body]
    raw, _ = _literal(about, about.index(b"/Title (") + len(b"/Title ("))
    return raw.decode("utf-16") if raw.startswith((b"\xfe\xff", b"\xff\xfe")) else raw.decode()
