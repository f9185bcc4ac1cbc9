"""Wording that users write: filled exactly, checked before anything is sent, harmless whatever it says."""

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workers.engines.mail.letter import Form, Mailbox, Recipient
from workers.engines.wording import BadWording, Missing, Part, TooMuch, Unfilled, Variant, Wording, letter

HUNDRED = [str(number) for number in range(100)]


def fill(source: str, *, is_html: bool = False, **values: Any) -> str:
    part = Part(source, field="text", is_html=is_html)
    part.check(values)
    return part.fill(values)


@pytest.mark.parametrize(
    ("source", "filled"),
    [
        ("Hello {{ name }}!", "Hello Ada <L>!"),
        ("{{ name|upper }} {{ nobody|default:'friend' }}", "ADA <L> friend"),
        ("{% if born > 1800 %}later{% else %}earlier{% endif %}", "later"),
        ("{% if nobody %}{{ nobody }}{% endif %}.", "."),
        ("{% for tag in tags %}{{ forloop.counter }} {{ tag }};{% endfor %}", "1 a;2 b;"),
        ("{% for one in nobody %}x{% empty %}none{% endfor %}", "none"),
        ("{% for key, value in order.items %}{{ key }}={{ value }}{% endfor %}", "total=9.5"),
        ("{{ order.total }} {{ tags.1 }} {{ tags|join:', ' }}", "9.5 b a, b"),
        ("{{ born }}", "1815"),
        ("{% verbatim %}{{ name }}{% endverbatim %}{# never #}{% templatetag openblock %}", "{{ name }}{%"),
        ("a { b } { {{ name }} } %}", "a { b } { Ada <L> } %}"),
    ],
    ids=[
        "plain",
        "filters",
        "if",
        "guarded",
        "for",
        "empty",
        "pairs",
        "paths",
        "number",
        "verbatim",
        "braces",
    ],
)
def test_the_template_language_says_what_it_says_in_django(source: str, filled: str) -> None:
    assert fill(source, name="Ada <L>", born=1815, tags=["a", "b"], order={"total": 9.5}) == filled


@pytest.mark.parametrize(
    "source",
    [
        "{{ name }}",
        "{{ name|upper|lower }}",
        "{{ nobody|default:name }}",
        "{% if name %}{{ name }}{% endif %}",
        "{% for one in many %}{{ one }}{% endfor %}",
        "{{ many|join:'' }}",
        "{{ many.0 }}",
        "{% firstof name %}",
        "{{ name|linebreaks }}",
    ],
    ids=["plain", "filters", "default", "if", "for", "join", "path", "firstof", "linebreaks"],
)
def test_no_value_becomes_markup_in_html_and_text_is_left_alone(source: str) -> None:
    nasty = "<script>\"'&"
    values = {"name": nasty, "many": [nasty]}

    html, text = fill(source, is_html=True, **values), fill(source, **values)

    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert "&lt;" not in text or source == "{{ name|linebreaks }}"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("{{ nobody }}", "nobody"),
        ("{{ empty }}", "empty"),
        ("{{ nobody|upper }}", "nobody"),
        ("{{ nobody|default:nothing }}", "nothing"),
        ("{% if name %}{{ nobody }}{% endif %}", "nobody"),
        ("{{ order.nobody }}", "order.nobody"),
        ("{% for one in many %}{{ one.nobody }}{% endfor %}", "one.nobody"),
        ("{{ forloop.counter }}", "forloop.counter"),
    ],
    ids=["plain", "empty", "filters", "argument", "if", "path", "for", "forloop"],
)
def test_a_missing_value_is_an_error_and_never_an_empty_string(source: str, name: str) -> None:
    with pytest.raises(Missing) as caught:
        Part(source, field="text").check({"name": "Ada", "empty": "", "order": {}, "many": [{"name": "x"}]})

    assert caught.value.why == f"has no value for {name}"


@pytest.mark.parametrize(
    "reach",
    [
        "name.upper", "many.clear", "many.append", "order.keys", "name.encode", "many.sort", "born.real",
        "order.pop", "name.0",
    ],
    ids=str,
)  # fmt: skip
def test_nothing_is_ever_called_and_no_attribute_is_read(reach: str) -> None:
    values = {"name": "Ada", "many": [2, 1], "order": {"a": 1}, "born": 1815}

    for source in (f"{{{{ {reach} }}}}", f"{{{{ {reach}|upper }}}}"):
        with pytest.raises(Missing):
            fill(source, **values)

    assert values == {"name": "Ada", "many": [2, 1], "order": {"a": 1}, "born": 1815}


@pytest.mark.parametrize(
    ("source", "line", "why"),
    [
        ("{% load i18n %}", 1, "there is no tag 'load' here; there are: comment, firstof, for, if, "),
        ("\n{% include 'x' %}", 2, "there is no tag 'include' here"),
        ("{% extends 'x' %}", 1, "there is no tag 'extends' here"),
        ("{% debug %}", 1, "there is no tag 'debug' here"),
        ("{% lorem 99999999 %}", 1, "there is no tag 'lorem' here"),
        ("{% autoescape off %}", 1, "there is no tag 'autoescape' here"),
        ("{% with a=b %}{% endwith %}", 1, "there is no tag 'with' here"),
        ("{{ x|safe }}", 1, "there is no filter 'safe' here; there are: capfirst, "),
        ("{{ x|ljust:9999999999 }}", 1, "there is no filter 'ljust' here"),
        ("{{ x|stringformat:'9999999d' }}", 1, "there is no filter 'stringformat' here"),
        ("{{ x.__class__ }}", 1, "variables and attributes may not begin with underscores: 'x.__class__'"),
        ("a\nb {% if x %}", 2, "unclosed tag on line 2: 'if'. Looking for one of: elif, else, endif"),
        ("{% if x %}{% endfor %}", 1, "there is no tag 'endfor' here; expected elif or else or endif"),
        ("a\n\nb {{ name", 3, "{{ is opened here and never closed"),
        ("{{ name }\n}", 1, "{{ is opened here and never closed"),
        ("{% if", 1, "{% is opened here and never closed"),
        ("{{ a b }}", 1, "could not parse the remainder: ' b' from 'a b'"),
        ("{{ }}", 1, "empty variable tag on line 1"),
        ("{% %}", 1, "empty block tag on line 1"),
        ("{% if a > %}{% endif %}", 1, "unexpected end of expression in if tag"),
        ("{% if x %}" * 500 + "{% endif %}" * 500, 1, "tags stand in one another more than 20 deep"),
        ("{{ a }}" * 5_001, 1, "there are more than 5,000 variables"),
        ("{{ a" + "|upper" * 9 + " }}", 1, "a variable goes through at most 8 filters"),
        ("x" * 200_001, 0, "is longer than 200,000 characters"),
    ],
    ids=[
        "load", "include", "extends", "debug", "lorem", "autoescape", "with", "safe", "ljust", "stringformat",
        "underscores", "unclosed", "crossed", "open", "half-closed", "open-tag",
        "two-words", "empty", "empty-tag", "half-if", "deep", "many",
        "filters", "long",
    ],
)  # fmt: skip
def test_what_is_not_of_the_language_is_refused_with_its_line(source: str, line: int, why: str) -> None:
    with pytest.raises(BadWording) as caught:
        Part(source, field="text")

    assert (caught.value.field, caught.value.line) == ("text", line)
    assert caught.value.why.startswith(why)


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in many %}{% for b in many %}{% for c in many %}x{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in many reversed %}{% for b in many reversed %}{% for c in many reversed %}"
        "{% endfor %}{% endfor %}{% endfor %}",
        "{% for a in many %}" + "x" * 20_000 + "{% endfor %}",
        "{% for a in many %}" + "{{ long|upper }}" * 10 + "{% endfor %}",
        "{{ long|upper }}" * 400,
        "{{ many|join:long }}{{ many|join:long }}{{ many|join:long }}",
        "{{ many|join:long|join:long }}",
    ],
    ids=["loops", "reversed", "text", "values", "no-loop", "join", "join-twice"],
)
def test_a_bomb_ends_as_an_error(source: str) -> None:
    with pytest.raises(TooMuch):
        fill(source, many=HUNDRED, long="y" * 5_000)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("{% for one in born %}x{% endfor %}", "has something at born that is no list to go over"),
        ("{% for one in name %}x{% endfor %}", "has something at name that is no list to go over"),
        ("{% for a, b in many %}x{% endfor %}", "does not fit the text: need 2 values to unpack in for loop"),
    ],
    ids=["number", "text", "unpack"],
)
def test_values_that_do_not_fit_the_text_are_an_error_of_the_row(source: str, why: str) -> None:
    with pytest.raises(Unfilled) as caught:
        Part(source, field="text").check({"born": 1815, "name": "Ada", "many": [1, 2]})

    assert caught.value.why.startswith(why)


@given(st.text(max_size=60), st.booleans())
def test_any_text_is_filled_or_refused_and_nothing_else_happens(source: str, is_html: bool) -> None:
    signs = (
        source.replace("a", "{{ x }}")
        .replace("b", "{% if x %}")
        .replace("c", "{% endif %}")
        .replace("d", "|x")
    )
    with suppress(BadWording, Unfilled):
        assert isinstance(fill(signs, is_html=is_html, x="<y>"), str)


@given(st.text())
def test_text_without_a_tag_is_itself(source: str) -> None:
    plain = source.replace("{", "(")

    assert fill(plain) == fill(plain, is_html=True) == plain


def test_a_line_break_in_a_value_cannot_leave_the_subject() -> None:
    variant = Variant(subject="News for {{ name }}{% if name %} {{ name }}{% endif %}", text="{{ name }}")

    values = variant.values({"name": "Ada\r\nBcc: eve@example.org"})

    subject, text = (variant.parts[name].pattern.fill(values) for name in ("subject", "text"))
    assert subject == "News for Ada Bcc: eve@example.org Ada Bcc: eve@example.org"
    assert text == "Ada\r\nBcc: eve@example.org"


def test_a_subject_has_one_line() -> None:
    with pytest.raises(BadWording, match="line break"):
        Wording([Variant(subject="a\nb", text="x")])


def test_the_language_is_chosen_by_its_nearest_and_else_the_first() -> None:
    wording = Wording([Variant(subject=s, text="x", language=s) for s in ("en", "pt", "pt-BR")])

    chosen = [wording.choose(asked).subject for asked in ("pt-br", "pt_BR", "pt-PT", "en-GB", "de", "")]

    assert chosen == ["pt-BR", "pt-BR", "pt", "en", "en", "en"]


def test_only_the_wording_in_their_language_needs_a_value() -> None:
    wording = Wording(
        [
            Variant(subject="Hi", text="{{ name }}", language="en"),
            Variant(subject="Hallo", text="x", language="de"),
        ]
    )

    wording.check({}, "de")
    with pytest.raises(Missing):
        wording.check({}, "fr")


@pytest.mark.parametrize(
    "languages", [[], ["en", "EN"], ["pt-br", "pt_BR"]], ids=["none", "case", "underscore"]
)
def test_a_language_is_named_once(languages: list[str]) -> None:
    with pytest.raises(BadWording, match="once"):
        Wording([Variant(subject="s", text="x", language=language) for language in languages])


def test_a_letter_is_made_of_the_patterns_once_and_filled_for_each() -> None:
    variant = Variant(
        subject="For {{ name }}",
        text="Dear {{ name }},\n{% for tag in tags %}- {{ tag }}\n{% endfor %}",
        html="<p>{{ name }}</p>{% if tags %}<i>{{ tags|join:'&' }}</i>{% endif %}",
    )
    form = Form(letter(variant, sender=Mailbox("mill@example.org")))

    def content(**values: Any) -> str:
        recipient = Recipient(
            mailbox=Mailbox("ada@example.org"), message_id="<1@example.org>", values=variant.values(values)
        )
        return form.fill(recipient).content.decode()

    assert "Subject: For Ada\r\n" in content(name="Ada", tags=["a"])
    assert "Dear Bob,\r\n- a\r\n- b\r\n" in content(name="Bob", tags=["a", "b"])
    assert "<p>B&amp;B</p><i>&lt;a&gt;&b</i>" in content(name="B&B", tags=["<a>", "b"])


def test_without_html_it_goes_out_in_the_layout_and_a_block_keeps_its_lines() -> None:
    variant = Variant(
        subject="For {{ name }}",
        text="Dear {{ name }},\n\n{% for tag in tags %}- {{ tag }}\n{% endfor %}",
        button="See {{ name }}",
        link="https://example.org/?who={{ name }}",
    )
    made = letter(variant)
    values = variant.values({"name": "B&B", "tags": ["<a>", "b"]})

    assert made.html is not None
    assert "- &lt;a&gt;<br>\n- b<br>\n" in made.html.fill(values)
    assert 'href="https://example.org/?who=B%26B"' in made.html.fill(values)
    assert "See B&B: https://example.org/?who=B%26B" in made.text.fill(values)


def test_a_link_needs_its_variables_and_takes_no_tags() -> None:
    with pytest.raises(Missing, match="no value for who"):
        Variant(subject="s", text="t", button="b", link="https://x.org/{{ who }}").check({})
    Variant(subject="s", text="t", button="b", link="https://x.org/{{ who }}").check({"who": 0})
    with pytest.raises(BadWording, match=r"link \(en\)"):
        Wording([Variant(subject="s", text="t", button="b", link="https://x.org/{% if a %}", language="en")])


def test_values_that_no_look_can_judge_are_tried() -> None:
    part = Part("{{ x|upper|lower|upper|lower }}" * 50, field="text")

    part.check({"x": "short"})
    with pytest.raises(TooMuch):
        part.check({"x": "y" * 5_000})
    with pytest.raises(Unfilled, match="does not fit the text"):
        Part("{{ n|first }}", field="text").check({"n": 7})
