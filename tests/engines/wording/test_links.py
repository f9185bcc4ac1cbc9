"""Links in a user's HTML: a value may lead to the web or to a mailbox; else its row is named."""

import signal
from collections.abc import Iterator
from contextlib import suppress
from html import unescape
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.enclosures import show
from workers.engines.wording import BadWording, Part, Unfilled
from workers.engines.wording.places import own_links, shown

SCRIPT = "javascript:alert(1)"
SITE = "https://x.org/?a=1&b=2"


def fill(source: str, values: dict[str, Any]) -> str:
    part = Part(source, field="html", is_html=True)
    with suppress(Unfilled):
        part.check(values)
        return part.fill(values)
    for judged in (part.check, part.values, part.fill):
        with pytest.raises(Unfilled, match=r"makes a link to .* in the html: one begins with https://"):
            judged(values)
    return "refused"


class Links(HTMLParser):
    """What leads somewhere, as Python's own parser sees it."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value or "" for name, value in attrs if name in {"href", "src", "background"}]


@pytest.mark.parametrize(
    "source",
    [
        '<a href="{{ link }}">',
        "<a href=' {{ link }}'>",
        """<a href="{{ nobody|default:'javascript:alert(1)' }}">{{ link }}""",
        '<a title="a > b" href="{{ link }}">',
        '<a href="{{ link|lower }}">',
        '<a href="{% if link %}{{ link }}{% endif %}">',
        '<a href="{% firstof nobody link %}">',
        '{% if link %}<a href="{{ link }}">{% endif %}',
        "{% for one in links %}<img src='{{ one }}'>{% endfor %}",
        '{% for one in links %}<td background="&#9;{{ one }}">{% endfor %}',
        '<!--[if mso]><v:rect href="{{ link }}"><![endif]--><a href="{{ link }}">',
        "<!-- {% if link %}<a href='{{ link }}'>{% endif %} --><a href='{{ link }}'>",
    ],
    ids=[
        "alone",
        "blank",
        "default",
        "title",
        "filter",
        "if",
        "firstof",
        "in-a-block",
        "loop",
        "entity",
        "outlook",
        "remark",
    ],
)
def test_a_value_that_would_lead_elsewhere_is_an_error_of_its_row(source: str) -> None:
    for link in (
        SCRIPT,
        " " + SCRIPT,
        "JAVA\tSCRIPT:alert(1)",
        "data:text/html,x",
        "file:///etc",
        "//x.org",
        "x",
    ):
        assert fill(source, {"link": link, "links": [SITE, link]}) == "refused"

    if "default" not in source:
        assert Links(fill(source, {"link": SITE, "links": [SITE, SITE]})).found[-1].strip() == SITE
        assert fill(source, {"link": "mailto:a@x.org", "links": ["mailto:a@x.org"]}) != "refused"


@pytest.mark.parametrize(
    "source",
    [
        '<a href="https://x.org/{{ link }}">',
        '<a href="https://x.org/{{ link|upper }}">',
        '<a href="{{ site }}{{ link }}">',
        "<p>{{ link }} {{ link|upper }}</p>",
        '{% if link %}<a href="tel:+49" title="{{ link }}">{% endif %}<a href="#top"><img src="cid:a.png">',
        "<!-- {{ link }} --><!--[if mso]><b title='{{ link }}'>{{ link }}<![endif]-->",
        '<td {% if link %}colspan="2"{% endif %}>{{ link }}',
    ],
    ids=["part", "part-of-a-block", "behind", "text", "own", "comment", "tag"],
)
def test_a_value_elsewhere_and_the_authors_own_links_are_nobodys_business(source: str) -> None:
    assert fill(source, {"link": SCRIPT, "site": "https://x.org/"}) != "refused"


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        ("<p>\n<a href={{ link }}>", 2, "outside of quotes"),
        ("<p {{ link }}>", 1, "outside of quotes"),
        ("\n\n{% if link %}<p class={{ link }}>{% endif %}", 3, "outside of quotes"),
        ('<a\nhref="javascript:alert(1)">', 2, "leads to a script"),
        ("<a href='&#106;ava\nscript:x'>", 1, "leads to a script"),
        ("<p title='{{ link }}'\n{{ link }} class='{{ link }}'>", 2, "outside of quotes"),
        ("<!--[if gte mso 9]>\n<v:rect {{ link }}><![endif]-->", 2, "outside of quotes"),
        ("<!--[if mso]><v:rect href='javascript:x'><![endif]-->", 1, "leads to a script"),
        ("<!-- <p>\n<p {{ link }} -->", 2, "outside of quotes"),
    ],
    ids=["bare", "attribute", "block", "script", "entity", "between", "outlook", "outlook-script", "remark"],
)
def test_html_in_which_a_value_could_leave_its_place_is_refused_with_its_line(
    source: str, line: int, why: str
) -> None:
    with pytest.raises(BadWording, match=why) as refused:
        Part(source, field="html", is_html=True)

    assert refused.value.line == line


@pytest.mark.parametrize(
    "source", ['<!--[if mso]><v:rect href="{{ link }}"><![endif]-->', "<!-- <a href='{{ link }}'> -->"]
)
@pytest.mark.parametrize("link", [SCRIPT, "file://evil"])
def test_comments_are_links_to_some_programs_and_judged_as_such(source: str, link: str) -> None:
    assert fill(source, {"link": link}) == "refused"


def test_an_own_link_excuses_no_value_that_begins_like_it() -> None:
    source = '<a href="java">{% if link %}<a href="{{ link }}">{% endif %}'

    assert fill(source, {"link": SITE}) != "refused"
    assert fill(source, {"link": "java\tscript:alert(1)"}) == "refused"


PIECES = st.sampled_from(
    ['<a href="', "<img src='", '"', "'", ">", "<p ", " title=", "{{ link }}", "{{ link|upper }}",
     "{% if link %}", "{% endif %}", "https://x/", "java", "script:", "<!--", "-->", " ", "=", "x"]
)  # fmt: skip


@given(st.lists(PIECES, max_size=12), st.sampled_from([SCRIPT, "x' onclick='", '"><script>', "=", SITE]))
def test_whatever_is_written_no_value_makes_a_script_of_a_link(pieces: list[str], value: str) -> None:
    with suppress(BadWording, Unfilled):
        made = Part("".join(pieces), field="html", is_html=True).fill({"link": value})

        assert not any(link.strip().lower().startswith("javascript:") for link in Links(made).found)


def test_pictures_are_found_where_a_reader_finds_them() -> None:
    source = """<!--[if mso]><v:fill src="cid:bg.png"><style>p { background: url(cid:o.png) }</style>
<![endif]--><p>cid:text.png</p>{% if vip %}<img alt="x" src="cid:my%20logo.png">{% endif %}
<img src=cid:a&amp;b.png><div style="background: url('cid:back.png')"><!-- <img src="cid:no.png"> -->
<style>p { background: url(cid:leaf.png) }</style><td background=" cid:ü.png">"""

    found = shown(source, field="html")

    assert [(each.name, each.line) for each in found] == [
        ("bg.png", 1), ("o.png", 1),
        ("my logo.png", 2), ("a&b.png", 3), ("back.png", 3), ("leaf.png", 4), ("ü.png", 4),
    ]  # fmt: skip
    assert unescape(source[found[3].start : found[3].end]) == "cid:a&b.png"


def test_a_picture_is_named_and_not_made_of_a_variable() -> None:
    with pytest.raises(BadWording, match="line 2: the picture after cid: is to be named"):
        shown('\n<img src="cid:{{ logo }}.png">', field="html")


@pytest.fixture
def little_work() -> Iterator[None]:
    """Twenty seconds of this process's CPU, however busy the machine is: some ten times what is needed."""

    def stop(*_: object) -> None:
        raise AssertionError("this copies the whole text again and again")

    before = signal.signal(signal.SIGPROF, stop)
    signal.setitimer(signal.ITIMER_PROF, 20)
    yield
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.signal(signal.SIGPROF, before)


def test_many_attributes_are_no_more_work_than_their_text(little_work: None) -> None:
    own_links("<p" + f' title="{"x" * 200}"' * 100_000 + ">", field="html")


def test_many_pictures_are_no_more_work_than_their_text(little_work: None) -> None:
    html, names = show(f'<img src="cid:a">{"x" * 500}' * 50_000, {"a": "1@x"})

    assert (html.count("cid:1@x"), names) == (50_000, ["a"])
