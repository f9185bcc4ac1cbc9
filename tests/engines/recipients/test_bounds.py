"""What a list may cost that is not one: so many bad rows, so many empty ones, so much in one row."""

import json
from io import BytesIO

import pytest

from tests.engines.recipients.lists import rows
from workers.engines import recipients
from workers.engines.recipients import BadList, BadRow, Row, charset, read

GOOD = {"email": "ada@example.org"}


@pytest.mark.parametrize(
    ("head", "row"),
    [
        ("email\nada@example.org\n", "x\n"),
        (f"{json.dumps(GOOD)}\n", "[1]\n"),
        (f"[{json.dumps(GOOD)}", ",\n1"),
    ],
    ids=["table", "lines", "array"],
)
def test_behind_very_many_bad_rows_nothing_is_read(
    monkeypatch: pytest.MonkeyPatch, head: str, row: str
) -> None:
    """150 MB of them took minutes in one request, while a transaction was open."""
    monkeypatch.setattr(recipients, "MOST_BAD", 3)
    file = BytesIO((head + row * 1_000_000).encode())

    good, *bad = read(file)
    is_far = file.tell() > 300_000

    assert isinstance(good, Row)
    assert [isinstance(row, BadRow) and row.is_end for row in bad] == [False, False, False, True]
    assert "is not read, nor is what follows" in bad[-1].why  # type: ignore[union-attr]
    assert not is_far


@pytest.mark.parametrize(
    "text",
    ["\n" * 100, "email\n" + "\n" * 100, "email,name\n" + " ,\n" * 100, "\n".join(["{}", *[" "] * 100])],
    ids=["blank", "table", "cells", "lines"],
)
def test_empty_lines_have_a_bound_too(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(charset, "MOST_EMPTY", 50)

    with pytest.raises(BadList, match="there are more than 50 empty lines"):
        list(read(BytesIO(text.encode())))


def test_a_row_has_no_more_room_for_having_many_lines() -> None:
    """Else one row of a list is as many cells as there is room for in memory."""
    text = "email\n" + '"\n",' * 60_000

    with pytest.raises(BadList, match="longer than 200,000 characters"):
        list(read(BytesIO(text.encode())))


def test_each_row_has_room_of_its_own() -> None:
    people, note = [f"p{number}@example.org" for number in range(60)], "x\n" * 2_000
    table = "email,note\n" + "".join(f'{each},"{note}"\n' for each in people)
    lines = "".join(json.dumps({"email": each, "note": note}) + "\n" for each in people)

    assert len(rows(table)) == len(rows(lines)) == 60


def test_a_header_of_nothing_names_no_columns() -> None:
    with pytest.raises(BadList, match="found: nothing"):
        list(read(BytesIO(b"," * 150_000 + b"\n")))
