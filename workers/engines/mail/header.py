"""Header lines as RFC 5322, 2047 and 2231 want them: folded, in ASCII, read back as they were given.

Text that is not plain is written in encoded words of at most 75 characters, none of which splits a
character. An address alone may carry UTF-8, for a server that offers SMTPUTF8.
"""

from __future__ import annotations

import re
from binascii import b2a_base64
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple
from urllib.parse import quote

from workers.engines.mail import writable

FOLD = "\r\n "
LINE_CHARACTERS = 78
WORD_CHARACTERS = 75
Q_OPEN, B_OPEN, CLOSE = "=?utf-8?q?", "=?utf-8?b?", "?="
# The few that may stand in an encoded word within a name (RFC 2047, 5.3) serve everywhere.
Q_SAFE = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!*+-/")
ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
PRINTABLE = re.compile(r"[ -~]*")
PART_CHARACTERS = 60
APART = re.compile(r".+\r\n(?: .*\r\n)*")
"""One header of several, with its line ends."""


class Mailbox(NamedTuple):
    """An address, and the name shown for it."""

    address: str
    name: str = ""

    @property
    def domain(self) -> str:
        """What stands after the @, in lower case."""
        return self.address.rpartition("@")[2].lower()


def text(name: str, value: str, *, field: str = "") -> str:
    """A header of free text, such as Subject, with its line end."""
    value = writable.line(field or name.lower(), value)
    room = LINE_CHARACTERS - len(name) - 2
    if _is_plain(value, room):
        return f"{name}: {_folded(value, room)}\r\n"
    return f"{name}: {FOLD.join(_encoded_words(value, room))}\r\n"


def mailboxes(name: str, boxes: Sequence[Mailbox], *, field: str = "") -> str:
    """A header of addresses, such as To, with its line end."""
    written = [_mailbox(field or name.lower(), box, LINE_CHARACTERS - len(name) - 2) for box in boxes]
    return f"{name}: {f',{FOLD}'.join(written)}\r\n"


def exact(name: str, value: str) -> str:
    """A header whose value was checked already and is not to be folded."""
    return f"{name}: {value}\r\n"


def parameter(name: str, value: str, *, field: str) -> str:
    """`;` and a parameter of a content header, on lines of its own: a file's name in any script."""
    value = writable.line(field, value)
    # Blanks side by side would not be in the body's relaxed form (transfer.py).
    is_plain = PRINTABLE.fullmatch(value) and "=?" not in value and "  " not in value
    if is_plain and len(value) <= PART_CHARACTERS:
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f';{FOLD}{name}="{escaped}"'
    # With a charset every part says by its * that it is percent-encoded; one part needs no number.
    parts = list(_cut([quote(letter, safe="") for letter in value], PART_CHARACTERS))
    if len(parts) <= 1:
        return f";{FOLD}{name}*=utf-8''{''.join(parts)}"
    parts[0] = f"utf-8''{parts[0]}"
    return "".join(f";{FOLD}{name}*{place}*={part}" for place, part in enumerate(parts))


def _mailbox(field: str, box: Mailbox, room: int) -> str:
    address = writable.address(field, box.address)
    if not box.name:
        return address if len(address) <= room else f"{FOLD}{address}"
    name = writable.line(field, box.name)
    if ATOMS.fullmatch(name) and _is_plain(name, room):
        phrase = _folded(name, room)
    elif _is_plain(name, room - 2) and len(name) < room - 2:
        escaped = name.replace("\\", "\\\\").replace('"', '\\"')
        phrase = f'"{escaped}"'
    else:
        phrase = FOLD.join(_encoded_words(name, room))
    last = phrase.rpartition(FOLD)[2]
    gap = " " if len(last) + len(address) + 3 <= room else FOLD
    return f"{phrase}{gap}<{address}>"


def _is_plain(value: str, room: int) -> bool:
    """Whether it says the same to every reader without being encoded."""
    return bool(
        PRINTABLE.fullmatch(value)
        and "=?" not in value
        and "  " not in value
        and value == value.strip(" ")
        and value
        and all(len(word) <= room for word in value.split(" "))
    )


def _folded(value: str, room: int) -> str:
    if len(value) <= room:
        return value
    lines: list[str] = []
    current = ""
    for word in value.split(" "):
        if current and len(current) + 1 + len(word) > (room if not lines else LINE_CHARACTERS - 1):
            lines.append(current)
            current = word
        else:
            current = f"{current} {word}" if current else word
    return FOLD.join([*lines, current])


def _encoded_words(value: str, room: int) -> Iterator[str]:
    """In base64 or quoted, whichever is shorter; the first fits the room that the header's name left."""
    raw = value.encode()
    quoted = ["".join(_quoted(byte) for byte in letter.encode()) for letter in value]
    sizes = [min(room, WORD_CHARACTERS), WORD_CHARACTERS]
    if sum(map(len, quoted)) <= (len(raw) + 2) // 3 * 4:
        around = len(Q_OPEN) + len(CLOSE)
        for part in _cut(quoted, sizes[0] - around, sizes[1] - around):
            yield f"{Q_OPEN}{part}{CLOSE}"
        return
    fitting = [(size - len(B_OPEN) - len(CLOSE)) // 4 * 3 for size in sizes]
    for piece in _cut_bytes(value, *fitting):
        yield f"{B_OPEN}{b2a_base64(piece, newline=False).decode()}{CLOSE}"


def _quoted(byte: int) -> str:
    if byte == ord(" "):
        return "_"
    return chr(byte) if byte in Q_SAFE else f"={byte:02X}"


def _cut(letters: Iterable[str], first: int, following: int | None = None) -> Iterator[str]:
    """Join written letters into parts of at most so many characters."""
    part, size = "", first
    for letter in letters:
        if part and len(part) + len(letter) > size:
            yield part
            part, size = "", following or first
        part += letter
    if part:
        yield part


def _cut_bytes(value: str, first: int, following: int) -> Iterator[bytes]:
    part, size = b"", first
    for letter in value:
        raw = letter.encode()
        if part and len(part) + len(raw) > size:
            yield part
            part, size = b"", following
        part += raw
    if part:
        yield part
