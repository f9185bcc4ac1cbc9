"""What tells one job from another in a list: a field of its payload, read for those that are shown alone."""

import pytest
from django.core.exceptions import ImproperlyConfigured
from pydantic import BaseModel
from pytest_django import DjangoAssertNumQueries

from jobs.labels import LONGEST, label_of, labels_of
from jobs.registry import job_kind
from tests.factories import make_job
from tests.pages.conftest import Declare

pytestmark = pytest.mark.django_db


class Letter(BaseModel):
    subject: str = ""
    pages: int | None = None


@pytest.fixture(autouse=True)
def kinds(declare: Declare) -> None:
    declare(Letter, name="test.letter", label="subject")
    declare(Letter, name="test.pages", label="pages")
    declare(Letter, name="test.plain")


def test_each_kind_names_its_own_field(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    payload = {"subject": "The mill\nis running", "pages": 3}
    letter, pages, plain = (
        make_job(kind=f"test.{kind}", payload=payload) for kind in ("letter", "pages", "plain")
    )

    with django_assert_num_queries(1):
        found = labels_of([letter, pages, plain])

    assert found == {letter.id: "The mill is running", pages.id: "3"}


@pytest.mark.parametrize("payload", [{}, {"subject": " "}, {"subject": None}])
def test_a_payload_that_says_nothing_has_none(payload: dict[str, object]) -> None:
    assert labels_of([make_job(kind="test.letter", payload=payload)]) == {}


def test_the_holes_of_a_template_stay_open() -> None:
    subject = 'Dear {{ name|default:"guest" }},{% if sacks %} {{ sacks }} sacks{% endif %}'

    job = make_job(kind="test.letter", payload={"subject": subject})

    assert labels_of([job]) == {job.id: "Dear …,… … sacks…"}


def test_nothing_in_it_moves_a_terminals_cursor() -> None:
    job = make_job(kind="test.letter", payload={"subject": "a\x1b[31mred\u202e"})

    assert labels_of([job]) == {job.id: "a [31mred"}


@pytest.mark.parametrize("payload", [{"subject": "The  mill"}, {}, {"subject": None}, {"subject": ["a"]}, []])
def test_one_job_says_of_itself_what_the_list_says(payload: object) -> None:
    job = make_job(kind="test.letter", payload=payload)

    assert label_of(job) in ("", labels_of([job]).get(job.id, ""))
    assert bool(label_of(job)) == (payload == {"subject": "The  mill"})


def test_a_long_one_is_cut_in_the_database() -> None:
    job = make_job(kind="test.letter", payload={"subject": "x" * 10_000})

    assert labels_of([job]) == {job.id: "x" * LONGEST}


def test_where_no_kind_names_one_nobody_is_asked(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    job = make_job(kind="test.plain", payload={})

    with django_assert_num_queries(0):
        assert labels_of([job]) == {}


def test_a_field_that_the_payload_does_not_have_is_a_mistake_of_the_kind() -> None:
    with pytest.raises(ImproperlyConfigured, match="label='title' must be a field of Letter"):
        job_kind("test.wrong", title="Wrong", payload=Letter, example={}, label="title")
