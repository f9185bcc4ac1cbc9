"""What the ledger says of an item besides its state, in words for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

REPORTS = {"failed": "came back as undeliverable", "complained": "was reported as spam by its reader"}
DECISIONS = {"again": "Decided: done again, as another job.", "left": "Decided: left as it is."}


class Note(NamedTuple):
    """One thing that is known; `job` is another one that it leads to."""

    text: str
    job: str = ""


def notes_of(detail: Any) -> list[Note]:
    """Everything that an item's detail says, the first first."""
    return list(_notes(detail)) if isinstance(detail, Mapping) else []


def note_of(detail: Any) -> str:
    """The same in one line."""
    return " ".join(f"{note.text.rstrip('.')}." for note in notes_of(detail))


def returned_at(detail: Any) -> datetime | None:
    """When a report about it came back; None if none did."""
    try:
        return datetime.fromisoformat(str(_report(detail).get("at"))).replace(tzinfo=UTC)
    except ValueError:
        return None


def said_of(detail: Any) -> str:
    """What that report says: what became of it, with its status and the server's words."""
    report = _report(detail)
    return " ".join(str(report[name]) for name in ("action", "status", "words") if report.get(name))


def _report(detail: Any) -> Mapping[str, Any]:
    report = detail.get("report") if isinstance(detail, Mapping) else None
    return report if isinstance(report, Mapping) else {}


def _notes(detail: Mapping[str, Any]) -> Iterator[Note]:
    error, status = str(detail.get("error") or ""), str(detail.get("status") or "")
    if error:
        yield Note(error if not status or status in error else f"{error} ({status})")
    elif detail.get("uncertain"):
        yield Note(f"Attempt {detail['uncertain']} ended before it was known how this one went.")
    if reason := detail.get("suppressed"):
        yield Note(f"Nothing was sent: the address is suppressed ({str(reason).replace('_', ' ')}).")
    if (tries := detail.get("tries")) and isinstance(tries, int) and tries > 1:
        yield Note(f"Tried {tries} times.")
    if isinstance(report := detail.get("report"), Mapping):
        yield Note(_of_report(report))
    if decided := DECISIONS.get(str(detail.get("decided"))):
        yield Note(decided, str(detail.get("job") or ""))


def _of_report(report: Mapping[str, Any]) -> str:
    action, at = str(report.get("action") or ""), str(report.get("at") or "")
    what = REPORTS.get(action, f"was reported as {action or 'returned'}")
    when = f" on {at[:16].replace('T', ' ')} UTC" if at else ""
    said = " ".join(filter(None, (str(report.get("status") or ""), str(report.get("words") or ""))))
    return f"It {what}{when}: {said}" if said else f"It {what}{when}"
