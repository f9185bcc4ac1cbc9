"""Lists as CSV: as programs really write it, with every bad row by its line."""

from io import BytesIO

import pytest

from tests.engines.recipients.lists import bad, lines, rows
from workers.engines.recipients import BadList, read

NO_EMAIL = "the first line names the columns, one of them email; found:"
MANY = ",".join(f"c{number}" for number in range(100))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"], ids=["comma", "semicolon", "tab"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
def test_whatever_parts_columns_and_lines_the_rows_are_the_same(delimiter: str, end: str) -> None:
    text = lines("email;name;first name", "ada@example.org;Ada L.;Ada", "bob@example.org;;Bob")

    found = rows(text.replace(";", delimiter).replace("\n", end))

    assert [(row.line, row.address, row.name, row.values) for row in found] == [
        (2, "ada@example.org", "Ada L.", {"name": "Ada L.", "first_name": "Ada"}),
        (3, "bob@example.org", "", {"first_name": "Bob"}),
    ]


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le-marked", "utf-16-be-marked"], ids=str
)
def test_a_byte_order_mark_tells_the_charset(encoding: str) -> None:
    text = "email,city\nada@example.org,Köln 🎡\n"
    codec = encoding.removesuffix("-marked")
    mark = "\ufeff" if encoding.endswith("-marked") else ""

    (row,) = read(BytesIO((mark + text).encode(codec)))

    assert row.values == {"city": "Köln 🎡"}  # type: ignore[union-attr]


@pytest.mark.parametrize("charset", ["windows-1252", "iso-8859-1"])
def test_an_older_charset_is_read_when_it_is_named(charset: str) -> None:
    (row,) = read(BytesIO("email,city\nada@example.org,Köln\n".encode(charset)), charset=charset)  # type: ignore[arg-type]

    assert row.values == {"city": "Köln"}  # type: ignore[union-attr]


def test_a_charset_is_never_guessed_every_row_that_is_no_utf_8_is_named() -> None:
    content = "email,city\nada@example.org,Köln\nbob@example.org,Bonn\neve@example.org,Mörs\n".encode(
        "latin-1"
    )

    assert bad(content) == {
        2: "has a byte in city that is no text in this charset: 0xF6",
        4: "has a byte in city that is no text in this charset: 0xF6",
    }


def test_a_line_break_between_quotes_belongs_to_the_value_and_lines_are_counted_on() -> None:
    text = 'email,note\nada@example.org,"one\ntwo\n\nthree, ""four"""\nnobody,x\n'

    found = list(read(BytesIO(text.encode())))

    assert found[0].values == {"note": 'one\ntwo\n\nthree, "four"'}  # type: ignore[union-attr]
    assert found[1].line == 6


def test_blank_rows_are_no_recipients_and_empty_columns_at_the_end_no_columns() -> None:
    found = rows("email,city,,\nada@example.org,Köln,,\n,,,\n\n\nbob@example.org,,,\n")

    assert [(row.line, row.values) for row in found] == [(2, {"city": "Köln"}), (6, {})]


def test_an_empty_line_before_the_header_does_not_move_the_numbers() -> None:
    assert [row.line for row in rows("\n\nemail\nada@example.org\n")] == [4]


@pytest.mark.parametrize(
    "called", ["email", "E-Mail", "EMAIL", " e-mail address ", "Mail", "Email_Address", "to"]
)
def test_the_address_is_found_under_its_usual_names(called: str) -> None:
    assert [row.address for row in rows(f"name,{called}\nAda,ada@example.org\n")] == ["ada@example.org"]


def test_a_domain_becomes_what_mail_servers_know() -> None:
    assert [row.address for row in rows("email\nada@Bücher.Example\n")] == ["ada@xn--bcher-kva.example"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ("nobody", "'nobody' is not a mail address; one looks like"),
        ("a@b@example.org", "'a@b@example.org' is not a mail address; one looks like"),
        ("ada@exa mple.org", "the domain 'exa mple.org' is not a mail address; one looks like"),
        ("ada@-x.org", "the domain '-x.org' is not a mail address; one looks like"),
        (f"{'a' * 65}@example.org", "has more than 64 characters before the @"),
        (f"ada@{'x.' * 130}org", "has an address of more than 254 characters"),
        ("ada lace@example.org", "'ada lace@example.org' is not a mail address; one looks like"),
        ('"ada\nBcc: x@y.z@example.org",A', "contains a line break"),
        (",Ada", "has no address"),
        ("ada@example.org,A,de,x,y", "has 5 values, but there are 4 columns"),
        ("ada@example.org,A,deutsch!", "has a language that is none: 'deutsch!'; write it like en or pt-BR"),
        ('ada@example.org,"A\nBcc: eve@example.org"', "has a name with a line break or another"),
        (f"ada@example.org,{'A' * 201}", "has a name of more than 200 characters"),
        (f"ada@example.org,A,de,{'x' * 5001}", "has more than 5,000 characters in city"),
        ("ada@example.org,A,de,a\x00b", "has a NUL character in city"),
    ],
    ids=[
        "no-at", "two-at", "blank-in-domain", "bad-domain", "long-local", "long", "blank", "line-break",
        "nobody", "values", "language", "name-break", "long-name", "long-value", "nul",
    ],
)  # fmt: skip
def test_a_bad_row_says_why(row: str, why: str) -> None:
    found = bad(f"email,name,language,city\n{row}\n")

    assert set(found) == {2}
    assert why in found[2]


def test_an_address_that_was_there_before_names_the_line() -> None:
    text = lines("email", "ada@example.org", "bob@example.org", "Ada@Example.org", "bob@example.org")

    assert bad(text) == {4: "is a duplicate of line 2", 5: "is a duplicate of line 3"}


def test_a_table_that_grows_still_knows_every_address() -> None:
    many = [f"p{number}@example.org" for number in range(10_000)]

    found = bad("\n".join(["email", *many, *many]))

    assert found == {line: f"is a duplicate of line {line - 10_000}" for line in range(10_002, 20_002)}


@pytest.mark.parametrize(
    ("text", "line", "why"),
    [
        ("", 0, "the list is empty"),
        ("\n \n", 0, "the list is empty"),
        ("email\n", 0, "the list has no recipients"),
        ("ada@example.org\n", 1, f"{NO_EMAIL} 'ada@example.org'"),
        ("name;city\nAda;Bonn\n", 1, f"{NO_EMAIL} 'name', 'city'"),
        ("email,e-mail\n", 1, "two columns are called email; rename one"),
        ("email,,city\na@b.org,1,2\n", 1, "a column's name begins with a letter; this one does not: ''"),
        ("email,2nd\n", 1, "a column's name begins with a letter; this one does not: '2nd'"),
        (f"email,{MANY}", 1, "there are 101 columns; a list has at most 100"),
        ('email,"city\n', 1, "a quote in the first line is never closed"),
        ('email,city\na@b.org,"Bonn\nc@d.org,Ulm\n', 2, "a quote that begins in this row is never closed"),
        ('email,city\na@b.org,"Bonn" x\n', 2, 'a quote inside a value must be doubled: "say ""this"""'),
        ("email\n" + "x" * 200_001, 2, "this line is longer than 200,000 characters"),
    ],
    ids=[
        "nothing", "blank", "header-only", "no-header", "no-email", "email-twice", "nameless", "digit",
        "columns", "open-header", "open-quote", "quote-inside", "endless-line",
    ],
)  # fmt: skip
def test_a_list_that_cannot_be_read_says_where_and_why(text: str, line: int, why: str) -> None:
    with pytest.raises(BadList) as caught:
        list(read(BytesIO(text.encode())))

    assert (caught.value.line, caught.value.why) == (line, why)


@pytest.mark.parametrize(
    ("content", "charset", "why"),
    [
        ("email\n".encode("utf-16-le"), "auto", "looks like UTF-16 without a byte order mark"),
        ("email\n".encode("utf-32"), "auto", "is in UTF-32"),
        ("email\n".encode("utf-16"), "utf-8", "is in utf-16 by its byte order mark, not utf-8"),
        ("email\n".encode("utf-8-sig"), "iso-8859-1", "is in utf-8 by its byte order mark, not iso-8859-1"),
        (b"email\n", "utf-16", "begins with a byte order mark; this one does not"),
        ("email\na@b.org\n".encode("utf-16") + b"\x00\xdc", "auto", "no text in UTF-16"),
        ("email\na@b.org\n".encode("utf-16") + b"x", "auto", "no text in UTF-16"),
    ],
    ids=["unmarked-16", "utf-32", "marked-otherwise", "marked-8", "unmarked-named", "half-pair", "odd"],
)
def test_a_charset_that_does_not_fit_is_refused(content: bytes, charset: str, why: str) -> None:
    with pytest.raises(BadList, match=why):
        list(read(BytesIO(content), charset=charset))  # type: ignore[arg-type]


def test_a_list_has_no_more_recipients_than_allowed() -> None:
    content = lines("email", "a@b.org", "nobody", "c@b.org", "d@b.org").encode()

    assert len(list(read(BytesIO(content), most=3))) == 4
    with pytest.raises(BadList, match="more than 2 recipients"):
        list(read(BytesIO(content), most=2))


def test_what_a_check_objects_to_makes_a_bad_row() -> None:
    content = lines("email,city", "a@b.org,Bonn", "c@b.org,").encode()

    found = list(read(BytesIO(content), check=lambda row, _: "" if "city" in row.values else "has no city"))

    assert [str(row) for row in found[1:]] == ["line 3: has no city"]
