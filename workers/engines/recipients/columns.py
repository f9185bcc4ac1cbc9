"""What the columns of a list are called: `email`, `name`, `language`, and every other one a variable."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache

from jobs.mail.unsubscribe import VARIABLE as OURS
from workers.engines.recipients.row import BadList

MOST = 100
NAME_CHARACTERS = 60
EMAIL = {"to", "email", "e_mail", "mail", "email_address", "e_mail_address", "address"}
KNOWN_BY = {"email", "name"}
"""The columns by which people know a recipient."""
LANGUAGE = {"language", "lang", "locale"}
VARIABLE = re.compile(r"[^\W\d_]\w*")


@lru_cache(maxsize=1_000)
def variable(name: str) -> str:
    """A column's name as a template writes it: `First name` is `{{ First_name }}`, `E-Mail` is `email`."""
    written = re.sub(r"\W+", "_", unicodedata.normalize("NFC", name).strip()).strip("_")
    lowered = written.lower()
    if lowered in EMAIL:
        return "email"
    if lowered in LANGUAGE:
        return "language"
    return "name" if lowered == "name" else written


def columns(header: Sequence[str]) -> list[str]:
    """The variables of a table, empty where a column has no name; raises BadList."""
    count = len(header)
    while count and not header[count - 1].strip():
        count -= 1
    header = header[:count]
    names = [variable(name) for name in header]
    if "email" not in names:
        found = ", ".join(repr(name[:NAME_CHARACTERS]) for name in header[:10]) or "nothing"
        raise BadList(f"the first line names the columns, one of them email; found: {found}", 1)
    if len(names) > MOST:
        raise BadList(f"there are {len(names)} columns; a list has at most {MOST}", 1)
    for place, name in enumerate(names):
        check(header[place], name)
        if name in names[:place]:
            raise BadList(f"two columns are called {name}; rename one", 1)
    return names


def check(written: str, name: str) -> None:
    """Raises BadList for what no template could call by its name."""
    if len(name) > NAME_CHARACTERS:
        raise BadList(f"a column's name is longer than {NAME_CHARACTERS} characters: {name[:20]}…", 1)
    if name == OURS:
        raise BadList(f"{OURS} is the link that each mail gets; call the column something else", 1)
    if not VARIABLE.fullmatch(name):
        raise BadList(f"a column's name begins with a letter; this one does not: {written[:20]!r}", 1)
