"""Reports from a folder: a Maildir (`new`, `cur`), or one into which messages are put as `.eml` files.

What was taken moves to `done`, what cannot be believed to `refused`, with the reason beside it in a file of
the same name and `.txt`. A file is moved after its effects are committed: if we die between, or another
process reads the same folder, it is read again, which does nothing.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from pathlib import Path

import structlog

from jobs.database import DJANGO, Database
from jobs.errors import BadReport, Refusal
from jobs.mail.bounces import take_report
from jobs.mail.report import MOST_BYTES

log = structlog.get_logger(__name__)

DONE, REFUSED = "done", "refused"
MAILDIR = ("new", "cur")
SUFFIX = ".eml"
NAME_CHARACTERS = 120


class Unreadable(Refusal):
    """The folder cannot be used."""

    code = "unreadable_folder"


@dataclass
class Count:
    """What became of the files; `known` were taken before, `left` could not be read or moved."""

    suppressed: int = 0
    noted: int = 0
    nothing: int = 0
    known: int = 0
    refused: int = 0
    left: int = 0
    reasons: Counter[str] = field(default_factory=Counter)


def read_folder(
    folder: Path,
    *,
    limit: int = 10_000,
    check: Callable[[], object] = bool,
    db: Database = DJANGO,
) -> Count:
    """Take at most so many reports, the oldest names first; raises Unreadable, and what `check` raises.

    `check` is called before each.
    """
    count = Count()
    for path in islice(_waiting(folder), limit):
        check()
        try:
            _read_file(folder, path, count, db)
        except FileNotFoundError:  # another process was faster
            continue
        except OSError as error:
            log.warning("mail_report_left", file=path.name, error=str(error))
            count.left += 1
    return count


def _waiting(folder: Path) -> Iterator[Path]:
    places = [folder / name for name in MAILDIR if (folder / name).is_dir()]
    try:
        for name in (DONE, REFUSED):
            (folder / name).mkdir(exist_ok=True)
        for place in places or [folder]:
            files = sorted(place.iterdir())
            yield from (path for path in files if places or path.name.lower().endswith(SUFFIX))
    except OSError as error:
        raise Unreadable(
            f"The folder of reports cannot be used: {error}. Give a Maildir or a folder."
        ) from error


def _read_file(folder: Path, path: Path, count: Count, db: Database) -> None:
    raw = _content(path)
    if raw is None:
        return
    try:
        taken = take_report(raw, db=db)
    except BadReport as error:
        count.refused += 1
        count.reasons[str(error)] += 1
        # The reason first: a file in `refused` always has one.
        target = _place(folder / REFUSED, path, raw)
        target.with_name(f"{target.name}.txt").write_text(f"{error}\n")
        path.rename(target)
        return
    name = "known" if not taken.is_new else taken.effect.value
    setattr(count, name, getattr(count, name) + 1)
    path.rename(_place(folder / DONE, path, raw))


def _content(path: Path) -> bytes | None:
    """The file, to one byte beyond what is read of a report; None for what is no plain file."""
    # Whoever may put files here must not make us read others, nor wait for a pipe.
    handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            return None
        with os.fdopen(handle, "rb", closefd=False) as file:
            return file.read(MOST_BYTES + 1)
    finally:
        os.close(handle)


def _place(folder: Path, path: Path, raw: bytes) -> Path:
    """A name that no other report has: two different ones may have come under the same."""
    return folder / f"{sha256(raw).hexdigest()[:12]}-{path.name[-NAME_CHARACTERS:]}"
