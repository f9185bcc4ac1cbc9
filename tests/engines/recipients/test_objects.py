"""Lists as JSON: an array or an object to a line, read piece by piece."""

import json
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engines.recipients.lists import bad, rows
from workers.engines.recipients import BadList, Row, read
from workers.engines.recipients import objects as objects_module

ADA = {"email": "ada@example.org", "name": "Ada", "born": 1815, "likes": ["looms", {"of": "Jacquard"}]}
BOB = {"E-Mail": "bob@example.org", "lang": "pt_BR", "city": None, "tags": ""}


@pytest.mark.parametrize(
    "text",
    [
        json.dumps([ADA, BOB]),
        json.dumps([ADA, BOB], indent=2),
        f"{json.dumps(ADA)}\n\n{json.dumps(BOB)}",
        f"\r\n  {json.dumps(ADA)}\r\n{json.dumps(BOB)}\r\n",
    ],
    ids=["array", "array-of-lines", "lines", "lines-crlf"],
)
def test_an_array_and_lines_say_the_same(text: str) -> None:
    ada, bob = rows(text)

    assert (ada.address, ada.name, ada.values["born"]) == ("ada@example.org", "Ada", 1815)
    assert ada.values["likes"] == ["looms", {"of": "Jacquard"}]
    assert (bob.address, bob.language, bob.values) == ("bob@example.org", "pt-br", {"language": "pt_BR"})


def test_in_an_array_too_a_number_beyond_all_bounds_makes_its_row_bad_alone() -> None:
    text = '[\n{"email": "a@b.org", "x": 1e308},\n{"email": "b@b.org", "x": 1e999},\n{"email": "c@b.org"}\n]'

    assert bad(text) == {3: "has a number that is too large in x"}


def test_what_is_no_number_is_told_by_its_line_however_much_follows() -> None:
    text = '[\n{"email": "a@b.org", "x": NaN}' + ',\n{"email": "b@b.org"}' * 10_000 + "]"

    with pytest.raises(BadList, match="line 2: the object that begins here is no JSON: NaN is no JSON"):
        list(read(BytesIO(text.encode())))


def test_an_array_counts_the_line_in_which_an_object_begins() -> None:
    text = '[\n  {"email": "a@b.org"},\n\n  {"email":\n "x"},\n  {"email": ""},\n7\n]\n'

    assert list(bad(text)) == [4, 6, 7]


@given(st.lists(st.text(max_size=40), min_size=1, max_size=30), st.integers(1, 50))
def test_an_array_is_the_same_in_pieces_of_any_size(texts: list[str], size: int) -> None:
    people = [{"email": f"p{n}@example.org", "note": text} for n, text in enumerate(texts)]
    content = json.dumps(people, indent=1).encode()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(objects_module, "PIECE_CHARACTERS", size)
        patch.setattr("workers.engines.recipients.charset.LINE_CHARACTERS", size)
        found = [row.values.get("note", "") for row in read(BytesIO(content)) if isinstance(row, Row)]

    assert found == [text.strip() for text in texts if "\x00" not in text]


def test_an_array_on_one_endless_line_is_read() -> None:
    people = [{"email": f"p{n}@example.org", "note": "x" * 100} for n in range(5_000)]

    assert len(rows(json.dumps(people))) == 5_000


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ('{"email": "a@b.org"', "is no JSON: expecting ',' delimiter"),
        ('{"email": "a@b.org", "x": NaN}', "is no JSON: NaN is no JSON"),
        ('{"email": 7}', "has no address"),
        ('{"name": "Ada"}', "has no address"),
        ("[1]", 'is no object like {"email": "ada@example.org"}'),
        ('{"email": "a@b.org", "mail": "c@d.org"}', "says email twice"),
        ('{"email": "a@b.org", "2nd": 1}', "a column's name begins with a letter; this one does not: '2nd'"),
        ('{"email": "a@b.org", "name": ["A"]}', "has a name that is no text"),
        ('{"email": "a@b.org", "x": "\\u0000"}', "has a NUL character in x"),
        ('{"email": "a@b.org", "x": ["\\ud800"]}', "has half a surrogate pair in x"),
        ('{"email": "a@b.org", "x": [[[[[1]]]]]}', "nests deeper than 4 in x"),
        ('{"email": "a@b.org", "x": 1e999}', "has a number that is too large in x"),
        ('{"email": "a@b.org", "x": [{"y": -1e999}]}', "has a number that is too large in x"),
        ('{"email": "a@b.org", "x": ' + "[" * 50_000, "is no JSON: it nests too deep"),
        ('{"email": "a@b.org", "x": ' + "9" * 5_000 + "}", "is no JSON: Exceeds the limit"),
    ],
    ids=[
        "cut", "nan", "number", "nobody", "array", "twice", "digit", "name", "nul", "surrogate", "deep",
        "infinite", "infinite-within", "bomb", "digits",
    ],
)  # fmt: skip
def test_a_bad_line_says_why_and_the_next_is_read(line: str, why: str) -> None:
    text = '{"email": "eve@example.org"}\n' + line + '\n{"email": "ada@example.org"}\n'

    found = list(read(BytesIO(text.encode())))

    assert [row.line for row in found] == [1, 2, 3]
    assert why in found[1].why  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("[]", 0, "the list has no recipients"),
        ('[\n{"email": "a@b.org"}\n', 3, "after an object comes a comma or the end of the list"),
        ('[{"email": "a@b.org"}\n{"email": "c@b.org"}]', 2, "after an object comes a comma"),
        ('[{"email": "a@b.org"},\n]', 2, "the object that begins here is no JSON: expecting value"),
        ('[{"email": "a@b.org"}]\n\n[]', 3, "something follows the end of the list"),
        ('[\n{"email": "a@b.org", "x": "' + "x" * 300_000, 2, "the object that begins here is too long"),
        ("[\n" + "[" * 50_000, 2, "the object that begins here is no JSON: it nests too deep"),
    ],
    ids=["empty", "open", "no-comma", "comma-at-end", "more", "long", "bomb"],
)  # fmt: skip
def test_an_array_that_stops_being_json_says_where(text: str, line: int, why: str) -> None:
    with pytest.raises(BadList) as caught:
        list(read(BytesIO(text.encode())))

    assert caught.value.line == line
    assert why in caught.value.why
