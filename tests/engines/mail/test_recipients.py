"""Lists of recipients: what spreadsheets and programs write is read, and what is not is told by line."""

from io import BytesIO
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.mail.recipients import OBJECT_CHARACTERS, Row, read


def rows(text: str | bytes) -> list[Row]:
    return list(read(BytesIO(text.encode() if isinstance(text, str) else text)))


def ada(line: int = 2, **values: Any) -> Row:
    return Row(line, {"to": "ada@example.org", "name": "Ada", "values": values})


@pytest.mark.parametrize(
    "text",
    [
        "to,name,sacks\nada@example.org,Ada,3\n",
        "to,name,sacks\r\nada@example.org,Ada,3",
        "\ufeffemail;name;sacks\n ada@example.org ;Ada;3\n",
        "name\tE-Mail\tsacks\nAda\tada@example.org\t3\n",
        'sacks,name,address\n"3","Ada",ada@example.org\n\n,,\n',
    ],
    ids=["comma", "windows", "semicolon", "tab", "quotes"],
)
def test_csv_is_read_as_spreadsheets_write_it(text: str) -> None:
    assert rows(text) == [ada(sacks="3")]


def test_a_cell_may_have_several_lines_and_an_empty_one_is_no_value() -> None:
    found = rows('to,name,note,town\nada@example.org,Ada,"a\nb",\nbob@example.org\n')

    assert found == [ada(3, note="a\nb"), Row(4, {"to": "bob@example.org", "name": None, "values": {}})]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 1, "one column is to be named one of to, email"),
        ("name\nAda\n", 1, "one column is to be named one of to, email"),
        ("to,email\na,b\n", 1, "one column is to be named one of to, email"),
        ("to,the town\n", 1, "names a column 'the town'"),
        ("to,a,a\n", 1, "names the column 'a' twice"),
        ("to\nada@example.org\nbob@example.org,x\n", 3, "has 2 cells under 1 columns"),
        (b"to\nada@example.org\nb\xf6b@example.org\n", 3, "is not UTF-8"),
        ("to\n" + "x" * 200_000 + "\n", 2, "is no CSV: field larger"),
        ('{"to": "ada@example.org"}\n{"to": \n', 2, "is no JSON"),
        ('[{"to": "ada@example.org"},\n 7]', 2, "is no JSON object"),
        ('{"to": "' + "x" * OBJECT_CHARACTERS * 2, 1, "is no JSON"),
    ],
    ids=[
        "empty", "no-address", "two-addresses", "column", "twice", "cells", "latin-1", "endless", "broken",
        "number", "unclosed",
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_told_with_its_line(text: str | bytes, line: int, why: str) -> None:
    last = rows(text)[-1]

    assert last.line == line
    assert why in last.why


@pytest.mark.parametrize(
    "text",
    [
        '{"to": "ada@example.org"}\n{"to": "bob@example.org"}\n',
        '[{"to": "ada@example.org"},\n{"to": "bob@example.org"}]',
        '[\n  {\n    "to": "ada@example.org"\n  }, {"to": "bob@example.org"}\n]\n',
    ],
    ids=["lines", "list", "pretty"],
)
def test_json_is_read_one_object_after_the_other(text: str) -> None:
    assert [row.given["to"] for row in rows(text)] == ["ada@example.org", "bob@example.org"]


def test_json_is_read_a_piece_at_a_time() -> None:
    found = rows("".join(f'{{"to": "guest{number}@example.org"}}\n' for number in range(10_000)))

    assert [row.line for row in found] == list(range(1, 10_001))
    assert found[-1].given == {"to": "guest9999@example.org"}


@given(st.one_of(st.binary(max_size=300), st.text(max_size=300).map(str.encode)))
def test_any_file_at_all_is_read_or_told(content: bytes) -> None:
    for row in read(BytesIO(content)):
        assert row.line >= 1
        assert row.why or isinstance(row.given, dict)
