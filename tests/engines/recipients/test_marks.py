"""Reading on at a mark: whatever the charset, the quotes and the shape, it is the list from there on."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from workers.engines import recipients
from workers.engines.recipients import BadList, BadRow, Row, objects, read, read_on, texts

CHARSETS = ("utf-8", "utf-8-sig", "utf-16", "windows-1252")
VALUES = st.text(st.sampled_from('aé€ß",;\t\n\r\\{}[] \u00a0'), max_size=12)
PEOPLE = st.lists(st.tuples(st.booleans(), VALUES), min_size=1, max_size=30)


def people(given: list[tuple[bool, str]]) -> list[dict[str, str]]:
    """Some of them nobody, and some there before."""
    return [
        {
            "email": f"p{number // 2 if is_twin else number}@example.org" if number % 7 else "nobody",
            "note": note,
        }
        for number, (is_twin, note) in enumerate(given)
    ]


def table(rows: list[dict[str, str]], delimiter: str = ";", end: str = "\r\n") -> str:
    cells = [["email", 'no\n"te"'], *(list(row.values()) for row in rows)]
    lines = (delimiter.join(f'"{cell.replace(chr(34), chr(34) * 2)}"' for cell in line) for line in cells)
    return end.join(["", *lines, "", ""])


def address(row: Row | BadRow) -> str:
    return row.address if isinstance(row, Row) else ""


SHAPES = {
    "table": table,
    "commas": lambda rows: table(rows, ",", "\n"),
    "lines": lambda rows: "\n\n".join(json.dumps(row, ensure_ascii=False) for row in rows),
    "array": lambda rows: json.dumps(rows, ensure_ascii=False),
    "pretty": lambda rows: "\n " + json.dumps(rows, ensure_ascii=False, indent=2) + "\n",
}


@pytest.mark.parametrize("shape", SHAPES)
@given(PEOPLE, st.sampled_from(CHARSETS), st.integers(1, 4), st.integers(3, 40))
@example([(False, "a\r\nb")] * 9, "utf-16", 1, 5)
def test_behind_a_mark_stands_what_stood_there(
    shape: str, given: list[tuple[bool, str]], charset: str, every: int, piece: int
) -> None:
    content = SHAPES[shape](people(given)).encode(charset)
    told: Any = "auto" if charset != "windows-1252" else charset

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recipients, "MARKED", every)
        patch.setattr(objects, "PIECE_CHARACTERS", piece)
        patch.setattr("workers.engines.recipients.charset.LINE_CHARACTERS", 200)
        whole = list(read(BytesIO(content), charset=told))
        said = list(texts(BytesIO(content), charset=told))
        assert [who in text for who, text in zip(map(address, whole), said, strict=True)] == [True] * len(
            whole
        )
        marked = [(place, row.next) for place, row in enumerate(whole) if isinstance(row, Row) and row.next]
        for place, at in marked:
            behind = list(read_on(BytesIO(content), at=at, charset=told))

            assert [row.line for row in behind] == [row.line for row in whole[place + 1 :]]
            for now, then in zip(behind, whole[place + 1 :], strict=True):
                if isinstance(then, Row):
                    assert now == then._replace(next=())


@pytest.mark.parametrize("shape", SHAPES)
def test_every_thousandth_recipient_is_marked(shape: str) -> None:
    rows = [{"email": f"p{number}@example.org", "note": "x" * 300} for number in range(2_500)]
    content = SHAPES[shape](rows).encode()

    marked = [place for place, row in enumerate(read(BytesIO(content)), start=1) if row.next]  # type: ignore[union-attr]

    assert marked == [1_000, 2_000]


@pytest.mark.parametrize(
    ("shape", "at"),
    [("table", (1,)), ("table", (-1, 2)), ("lines", (1, 2, 3)), ("array", (1, 2)), ("array", (5, 10**9, 1))],
    ids=str,
)
def test_what_is_no_mark_of_this_shape_is_refused(shape: str, at: tuple[int, ...]) -> None:
    content = SHAPES[shape](people([(False, "x")] * 5)).encode()

    with pytest.raises(BadList, match="no such place"):
        list(read_on(BytesIO(content), at=at))
