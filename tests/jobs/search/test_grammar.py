"""What a filter may look like, and what is said about one that does not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobs.errors import BadFilter
from jobs.search.edit import value_of, with_field, without
from jobs.search.grammar import LONGEST, quoted, read, written


def shape(text: str) -> list[tuple[str, list[str], bool]]:
    return [(word.field, [value.text for value in word.values], word.is_negated) for word in read(text)]


def test_words_have_fields_values_and_a_sign() -> None:
    assert shape("state:failed,retrying  -kind:images.*\tslow") == [
        ("state", ["failed", "retrying"], False),
        ("kind", ["images.*"], True),
        ("", ["slow"], False),
    ]


def test_an_empty_filter_has_no_words() -> None:
    assert read("") == read(" \n ") == []


def test_quotes_hold_spaces_commas_colons_and_quotes() -> None:
    [word] = read(r'error:"no such host, \"x:1\"",other')

    assert [value.text for value in word.values] == ['no such host, "x:1"', "other"]
    assert [value.is_quoted for value in word.values] == [True, False]


def test_a_star_in_quotes_is_a_star() -> None:
    [word] = read('kind:a*,"a*"')

    assert [value.is_pattern for value in word.values] == [True, False]


def test_operators_stand_before_values() -> None:
    [word] = read('created:>=2h,<"2026-11-01"')

    assert [(value.operator, value.text) for value in word.values] == [(">=", "2h"), ("<", "2026-11-01")]


def test_columns_count_from_one() -> None:
    words = read("a  -b:c,d")

    assert [word.column for word in words] == [1, 4]
    assert [value.column for value in words[1].values] == [7, 9]


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ('a "b c', 3, "not closed"),
        ("a state:", 3, "needs a value"),
        ("-", 1, "there is none"),
        ("-state:", 1, "needs a value"),
        ("state:a,,b", 9, "missing"),
        ("state:a,", 9, "missing"),
        ("created:>", 9, "missing"),
        ('error:a"b"', 7, "begins and ends with a quote"),
        ('error:""', 7, "nothing between"),
        ("a\0b", 2, "NUL"),
        ("x" * (LONGEST + 1), 1, "characters"),
        ("x " * 41, 81, "40 words"),
        ("id:" + ",".join(["abcd"] * 101), 1, "100 values"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(text: str, column: int, said: str) -> None:
    with pytest.raises(BadFilter, match=said) as refused:
        read(text)

    assert refused.value.column == column
    assert refused.value.code == "bad_filter"


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused_in_our_words(text: str) -> None:
    try:
        words = read(text)
    except BadFilter as refused:
        assert 1 <= refused.column <= len(text) + 1
        return
    assert read(written(words)) == read(written(read(written(words))))


@given(st.text(alphabet=st.characters(exclude_characters="\0"), min_size=1, max_size=60))
def test_a_quoted_value_means_itself(text: str) -> None:
    [word] = read(f"error:{quoted(text)}")

    [value] = word.values
    assert (value.text, value.operator, value.is_pattern) == (text, "", False)


def test_a_drop_down_replaces_its_field_and_leaves_the_rest() -> None:
    text = "state:failed kind:a -state:queued"

    assert with_field(text, "state", "running") == "kind:a -state:queued state:running"
    assert with_field(text, "state", "") == "kind:a -state:queued"
    assert with_field("", "owner", "Ada Lovelace") == 'owner:"Ada Lovelace"'


def test_a_drop_down_keeps_what_cannot_be_read() -> None:
    assert with_field('"open', "state", "failed") == '"open state:failed'


def test_a_drop_down_shows_only_what_it_can_say() -> None:
    assert value_of("state:failed x", "state") == "failed"
    assert [value_of(text, "state") for text in ("state:a,b", "-state:a", "state:f*", '"', "")] == [""] * 5


def test_one_word_is_taken_out() -> None:
    words = read("a b:c a")

    assert without("a b:c a", words[1]) == "a a"
