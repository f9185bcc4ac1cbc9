"""email.campaign: a misspelt variable is blamed on the text, once, and not on every line of the list."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User

from jobs.artifacts import opener
from jobs.errors import BadPayload, Problem
from jobs.lifecycle.submit import submit_job
from jobs.models import Job
from jobs.registry import KINDS, Kind
from jobs.review import Line
from tests.kinds.test_campaign import listed, mailing
from workers.engines import campaign as campaign_module
from workers.engines import recipients

pytestmark = pytest.mark.django_db
TABLE = "email,name,sacks\nada@example.org,Ada,3\nbob@example.org,Bob,12\n"
ROWS = [{"email": "ada@example.org", "Name": "Ada"}, {"email": "bob@example.org", "sacks": None}]
SHAPES = {"csv": TABLE, "json": json.dumps(ROWS), "lines": "\n".join(map(json.dumps, ROWS))}
SAID = (
    "the text uses 'nam', and the list has no such column. Did you mean 'name'? Columns: email, name, sacks"
)


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.campaign")


def refused(kind: Kind, owner: User, content: str = TABLE, **fields: Any) -> list[Problem]:
    """What is wrong with it, by submitting it and by checking it."""
    payload = listed(owner, content, **{"subject": "Hi", "text": "Hi"} | fields)
    with pytest.raises(BadPayload) as submitted:
        submit_job(kind.name, payload, owner=owner)
    with pytest.raises(BadPayload) as checked:
        lines(kind, payload)
    assert not Job.objects.exists()
    assert submitted.value.problems == checked.value.problems
    return list(checked.value.problems)


def lines(kind: Kind, payload: dict[str, Any]) -> list[Line]:
    assert kind.review
    valid = kind.validate(payload)
    return list(kind.review.lines(valid, opener(valid)))


@pytest.mark.parametrize("content", SHAPES.values(), ids=SHAPES)
def test_a_name_that_is_no_column_is_told_once(kind: Kind, alice: User, content: str) -> None:
    assert refused(kind, alice, content, text="Dear {{ nam }}") == [Problem(("text",), SAID)]


@pytest.mark.parametrize(
    ("fields", "where", "said"),
    [
        ({"subject": "{{ Name }}"}, ("subject",), "the subject uses 'Name', .* Did you mean 'name'?"),
        ({"html": "{{ nam|upper }}", "text": "{{ nam }}"}, ("text",), "the text and the html use 'nam'"),
        ({"text": "{{ name|default:nam }}{{ x|default:nam }}"}, ("text",), "the text uses 'nam'"),
        ({"text": "{% if sacks == '12' %}{{ nam.0 }}{% endif %}"}, ("text",), "the text uses 'nam'"),
        ({"button": "Go", "link": "https://example.org/{{ nam }}"}, ("link",), "the link uses 'nam'"),
        ({"text": "{{ zzz }}"}, ("text",), "'zzz', and the list has no such column. Columns: email"),
    ],
    ids=["capital", "two-texts", "argument", "branch", "link", "far"],
)
def test_the_text_that_uses_it_is_named(
    kind: Kind, alice: User, fields: dict[str, str], where: tuple[str, ...], said: str
) -> None:
    [problem] = refused(kind, alice, **fields)

    assert problem.where == where
    assert said.partition(", .*")[0] in problem.why


def test_several_are_told_together(kind: Kind, alice: User) -> None:
    problems = refused(kind, alice, subject="{{ nam }}", text="{{ sack }} {{ name }} {{ nam }}")

    assert [(problem.where, problem.why.split(",")[0]) for problem in problems] == [
        (("subject",), "the subject and the text use 'nam'"), (("text",), "the text uses 'sack'"),
    ]  # fmt: skip


def test_of_a_translation_it_counts_if_somebody_reads_it(kind: Kind, alice: User) -> None:
    german = {"language": "de", "subject": "Hallo", "text": "Hallo {{ nam }}"}
    wording = {"language": "en", "translations": [german], "subject": "Hi", "text": "Hi"}
    content = "email,language\nada@example.org,{}\n"

    nobody = lines(kind, listed(alice, content.format("en"), **wording))
    [problem] = refused(kind, alice, content.format("de"), **wording)

    assert [line.why for line in nobody] == [""]
    assert problem.where == ("translations",)
    assert problem.why.startswith("the text (de) uses 'nam'")


@pytest.mark.parametrize(
    ("content", "text", "why"),
    [
        ("email,city\nada@example.org,\n", "{{ city }}", "has no value for city"),
        ('[{"email": "a@b.example", "city": null}]', "{{ city }}", "has no value for city"),
        (
            '[{"email": "a@b.example", "orders": [{}]}]',
            "{% for one in orders %}{{ one.total }}{% endfor %}",
            "has no value for one.total",
        ),
        ('[{"email": "a@b.example", "order": {}}]', "{{ order.total }}", "has no value for order.total"),
    ],
    ids=["empty", "null", "loop", "path"],
)
def test_what_only_a_line_lacks_stays_said_of_the_line(
    kind: Kind, alice: User, content: str, text: str, why: str
) -> None:
    [line] = lines(kind, listed(alice, content, subject="Hi", text=text))

    assert line.why == why


@pytest.mark.parametrize("content", [TABLE, json.dumps(ROWS)], ids=["csv", "json"])
def test_a_list_that_is_not_read_to_its_end_says_how_far(
    kind: Kind, alice: User, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recipients, "MOST_BAD", 1)

    [problem] = refused(kind, alice, content, text="{{ nam }}")

    assert "'nam', and no line before" in problem.why


def test_where_more_names_are_than_are_remembered_none_is_called_unknown(
    kind: Kind, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(campaign_module, "MOST_NAMES", 3)

    found = lines(kind, listed(alice, TABLE, subject="Hi", text="{{ nam }}"))

    assert [line.why for line in found] == ["has no value for nam"] * 2


def test_of_recipients_in_the_payload_it_is_told_once_too(kind: Kind) -> None:
    with pytest.raises(BadPayload) as error:
        kind.validate(mailing(50, text="{{ sack }}"))

    assert str(error.value).count("sack'") == 1
    assert "the text uses 'sack', and no recipient has a value of that name. Did you mean 'sacks'?" in str(
        error.value
    )
