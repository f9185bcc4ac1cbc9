"""Patterns: values go where the variables stand, and change nothing else."""

import pytest
from django.template.loader import render_to_string
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.mail.pattern import Marks, fixed, parse
from workers.engines.mail.writable import Unwritable


def in_html(written: str, **values: str) -> str:
    """What a template's autoescaped text becomes for one recipient."""
    marks = Marks()
    text = marks.mark(parse(written, field="text"))
    return marks.html(render_to_string("millrace/email/message.html", {"text": text, "link": text})).fill(
        values
    )


def test_variables_are_filled_and_other_text_stays() -> None:
    pattern = parse('Dear {{name}}, {{ n | default: "no" }} %s {0} { x } }}', field="text")

    assert pattern.fill({"name": "Ada"}) == "Dear Ada, no %s {0} { x } }}"
    assert pattern.fill({"name": 7, "n": 1.5}) == "Dear 7, 1.5 %s {0} { x } }}"


@pytest.mark.parametrize(
    "written",
    ["{{ a.b }}", "{{ }}", "{{ a|safe }}", "{% include 'x' %}", "{{ a", "{{ 1a }}", "{{ a() }}", "{{ ä }}",
        "{{ a|default:b }}"],
    ids=ascii,
)  # fmt: skip
def test_what_is_no_variable_is_refused_and_shown(written: str) -> None:
    with pytest.raises(Unwritable, match=r"The text has ['\"]\{") as refused:
        parse(f"Hello {written}", field="text")

    assert refused.value.field == "text"


def test_fixed_text_may_have_braces() -> None:
    assert fixed("{{ a }} {% b %}").fill({}) == "{{ a }} {% b %}"


@given(st.text())
def test_a_value_in_html_is_text_and_nothing_else(value: str) -> None:
    page = in_html("Hello {{ name }}!", name=value)

    between = page.partition("<p>Hello ")[2].partition("!</p>")[0]
    assert not set("<>\"'") & set(between)


@pytest.mark.parametrize(
    ("value", "link"),
    [
        ("https://example.org/?a=1&b=ü", "https://example.org/?a=1&amp;b=%C3%BC"),
        ('https://example.org/"onclick=', "https://example.org/%22onclick="),
        ("javascript:alert(1)", "#"),
        ("  javascript:alert(1)", "#"),
        ("data:text/html,x", "#"),
    ],
    ids=["link", "quote", "script", "blanks", "data"],
)
def test_a_value_that_is_a_whole_link_leads_to_a_page_or_nowhere(value: str, link: str) -> None:
    assert f'href="{link}"' in in_html("{{ url }}", url=value)


def test_a_value_within_a_link_stays_one_part_of_it() -> None:
    page = in_html("See https://example.org/?who={{ who }}&x=1 now", who='a&b"/..')

    assert 'href="https://example.org/?who=a%26b%22%2F..&amp;x=1"' in page
    assert ">https://example.org/?who=a&amp;b&quot;/..&amp;x=1</a>" in page


def test_a_text_template_gets_the_value_as_it_is() -> None:
    marks = Marks()
    text = marks.mark(parse("Hello {{ name }}", field="text"))

    filled = marks.text(render_to_string("millrace/email/message.txt", {"text": text})).fill(
        {"name": "<A&B>"}
    )

    assert filled.startswith("Hello <A&B>\n")
