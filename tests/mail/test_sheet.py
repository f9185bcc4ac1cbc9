"""Suppressions as CSV: what is written can be read again, and every line that is no good is named."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest

from jobs.mail import sheet as sheet_module
from jobs.mail.sheet import BadSheet, read_sheet, write_lines
from jobs.models import Suppression
from jobs.models.suppression import Suppressed

NOW = datetime(2026, 8, 1, 12, tzinfo=UTC)


def row(address: str, **fields: object) -> Suppression:
    given = {"id": uuid4(), "reason": "bounced", "source": "smtp", "note": "", "created_at": NOW}
    return Suppression(**given | {"address": address} | fields)


def test_what_is_written_is_read_again() -> None:
    rows = [
        row("ada@example.org", note='550 5.1.1, "no\nsuch" user', expires_at=NOW),
        row("+49123@example.org", reason="complained", note="=HYPERLINK(1)"),
        row("ö'o@example.org", reason="unsubscribed"),
    ]

    sheet = read_sheet("".join(write_lines(rows)).encode())

    assert sheet.bad == []
    assert [(each.address, each.reason, each.note, each.expires_at) for each in sheet.entries] == [
        (each.address, each.reason, each.note, each.expires_at) for each in rows
    ]


def test_no_cell_is_taken_for_a_formula() -> None:
    text = "".join(write_lines([row("=cmd@example.org", note="@SUM(1)"), row("+1@example.org", note="-1")]))

    cells = [cell for line in text.splitlines() for cell in line.split(",")]
    assert not any(cell.startswith(("=", "+", "-", "@")) for cell in cells)


@pytest.mark.parametrize(
    "text",
    [
        "ada@example.org\nbob@example.org\n",
        "address\nada@example.org\nbob@example.org",
        "Name;E-Mail\r\nAda;ada@example.org\r\nBob;bob@example.org\r\n",
        "\ufeffEmail\tName\nada@example.org\tAda\nbob@example.org\tBob\n",
        "\n\naddress\n\nada@example.org\n,,\nbob@example.org\n",
        '"ada@example.org","x\ny"\nbob@example.org',
    ],
    ids=["bare", "heading", "semicolons", "bom-and-tabs", "empty-lines", "line-break-in-a-cell"],
)
def test_usual_files_are_read(text: str) -> None:
    sheet = read_sheet(text.encode())

    assert [entry.address for entry in sheet.entries] == ["ada@example.org", "bob@example.org"]
    assert {entry.reason for entry in sheet.entries} == {Suppressed.BY_HAND}
    assert sheet.bad == []


def test_each_bad_line_is_named_with_its_reason() -> None:
    text = (
        "address,reason,expires_at\n"
        "ada@example.org,bounced,\n"
        "nobody,,\n"
        '"two\nlines",,\n'
        "eve@example.org,annoying,\n"
        "bob@example.org,,tomorrow\n"
        "carl@example.org,,2026-13-41\n"
    )

    sheet = read_sheet(text.encode())

    assert [entry.address for entry in sheet.entries] == ["ada@example.org"]
    assert [(line.number, line.why.split(" is ")[0]) for line in sheet.bad] == [
        (3, "'nobody'"), (4, r"'two\nlines'"), (6, "'annoying'"), (7, "'tomorrow'"), (8, "'2026-13-41'"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        ("ädä@example.org".encode("latin-1"), "not UTF-8, at byte 0"),
        ("ada@example.org".encode("utf-16"), "not UTF-8"),
        (b'ada@example.org\n"' + b"x" * 200_000, "Line 2 is no CSV"),
        (b"x" * (20 * 1024 * 1024 + 1), "larger than 20 MB"),
        (b"a@b.org\n" * 200_001, "more than 200,000 addresses"),
        (b"a@b.org\n" + b"," * 200_001, "Line 2 is no CSV: it has more than 200,000 characters"),
        (b'a@b.org\n"\n"' + b',"\n"' * 60_000, "Line 2 is no CSV: it has more than 200,000 characters"),
    ],
    ids=["latin-1", "utf-16", "endless-cell", "large", "many", "wide", "wide-and-long"],
)
def test_what_is_no_list_is_refused_with_a_sentence(raw: bytes, says: str) -> None:
    with pytest.raises(BadSheet, match=says):
        read_sheet(raw)


@pytest.mark.parametrize(
    ("raw", "says"),
    [
        (b"x\n" * 100, "more than 10 addresses"),
        (b"x\na@b.org\n" * 6, "more than 10 addresses"),
        (b"\n" * 100, "more than 50 lines, empty ones included"),
    ],
    ids=["bad", "good-and-bad", "empty"],
)
def test_no_line_is_read_for_nothing(monkeypatch: pytest.MonkeyPatch, raw: bytes, says: str) -> None:
    """Bad lines and empty ones count: 20 MB of them took minutes, and two gigabytes of memory."""
    monkeypatch.setattr(sheet_module, "MOST_ROWS", 10)
    monkeypatch.setattr(sheet_module, "MOST_LINES", 50)

    with pytest.raises(BadSheet, match=says):
        read_sheet(raw)


def test_an_empty_file_holds_nothing() -> None:
    assert read_sheet(b"") == read_sheet(b"address\n") == ([], [], 0)


def test_of_very_many_bad_lines_the_first_are_named_and_all_counted() -> None:
    """What is kept of a file of nothing else is small."""
    sheet = read_sheet(b"x\n" * 3_000 + b"ada@example.org\n")

    assert len(sheet.bad) == sheet_module.NAMED == 1_000
    assert (sheet.bad[-1].number, sheet.bad_count, len(sheet.entries)) == (1_000, 3_000, 1)
