"""Ask by form: accepted once, refused with a reason at its field, nothing half done."""

import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Annotated
from uuid import UUID

import pytest
from django.contrib.auth.models import Group
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test import Client
from pydantic import AfterValidator, BaseModel, Field

from jobs.artifacts import ArtifactField, ArtifactId
from jobs.limit import Limit, Rate
from jobs.models import Artifact, ArtifactUse, Job
from tests.factories import give
from tests.pages.conftest import at_the_door

pytestmark = pytest.mark.django_db
URL = "/kinds/test.form"
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)


def even(number: int) -> int:
    if number % 2:
        raise ValueError("is odd")
    return number


class Payload(BaseModel):
    number: Annotated[int, AfterValidator(even)] = Field(ge=0, title="A number")
    word: str = "hello"


class Upload(BaseModel):
    source: Annotated[UUID, ArtifactField(accept=("image/png",))]
    word: str = "hello"


def picture(name: str = "photo.png", content: bytes = PNG) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def key_in(response) -> str:
    return re.search(r'name="how-key" value="([^"]+)"', response.content.decode())[1]


def test_a_good_form_is_a_job_and_leads_to_it(page, declare, submitter):
    declare(Payload)

    answer = page.post(URL, {"number": "4", "word": "x"})

    job = Job.objects.get()
    assert answer.headers["Location"] == f"/jobs/{job.id}"
    assert (job.payload, job.owner, job.door) == ({"number": 4, "word": "x"}, submitter, "web")


def test_how_it_runs_is_told_by_the_fold(office, declare, operator):
    declare(Payload)
    team = Group.objects.create(name="team")
    operator.groups.add(team)

    office.post(
        URL, {"number": "4", "how-priority": "7", "how-group": team.id, "how-run_at": "2099-01-01T10:00:00"}
    )

    job = Job.objects.get()
    assert (job.priority, job.group, job.state) == (7, team, "scheduled")


def test_only_operators_choose_a_priority(page, declare):
    declare(Payload)

    page.post(URL, {"number": "4", "how-priority": "7"})

    assert Job.objects.get().priority == 0


def test_a_job_cannot_be_shared_with_somebody_elses_group(page, declare):
    declare(Payload)
    foreign = Group.objects.create(name="foreign")

    page.post(URL, {"number": "4", "how-group": foreign.id})

    assert not Job.objects.filter(group=foreign).exists()


@pytest.mark.parametrize(
    ("typed", "why"), [("-3", "greater than or equal to 0"), ("3", "Is odd"), ("x", "whole number")]
)
def test_a_bad_form_keeps_what_was_typed_and_says_why_at_the_field(page, declare, typed, why):
    declare(Payload)

    answer = page.post(URL, {"number": typed, "word": "kept as it was"})

    text = answer.content.decode()
    assert answer.status_code == 422
    assert f'value="{typed}"' in text and 'value="kept as it was"' in text
    assert why in re.search(r'id="id_number_error">(.*?)</div>', text, re.S)[1]
    assert not Job.objects.exists()


def errors_at(text: str, field: str) -> str:
    return re.search(rf'id="id_{field}_error">(.*?)</div>', text, re.S)[1]


class Two(BaseModel):
    number: Annotated[int, AfterValidator(even)]
    source: Annotated[UUID, ArtifactField(accept=("image/png",))]
    word: str = "hello"


def test_everything_wrong_is_shown_in_one_round(office, declare):
    declare(Two)
    sent = {"number": "3", "word": "x", "how-priority": "700", "source": picture("a.png")}

    refused = office.post(URL, sent).content.decode()
    without_file = office.post(URL, {"number": "3", "how-priority": "7"}).content.decode()
    bad_file = office.post(URL, {"number": "3", "source": picture("a.png", b"no picture")}).content.decode()

    assert "Is odd" in errors_at(refused, "number") and "100" in errors_at(refused, "how-priority")
    assert "Is odd" in errors_at(without_file, "number") and "required" in errors_at(without_file, "source")
    assert "Is odd" in errors_at(bad_file, "number") and errors_at(bad_file, "source")
    assert not Job.objects.exists() and Artifact.objects.get().name == "a.png", "the good one is kept"


def test_limits_are_told_beside_the_form(page, declare):
    limits = [
        Limit("host", by=lambda payload, owner: payload.word, at_once=3),
        Limit("gate", rate=Rate(100, timedelta(minutes=1))),
    ]
    declare(Payload, limits=limits)

    text = page.get(URL).content.decode()

    assert "At most 3 at once for each host" in text
    assert "At most 100 starts in 1 minute for all that share “gate”" in text


def test_a_second_click_is_the_same_job(page, declare):
    declare(Payload)
    key = key_in(page.get(URL))

    first, second = (page.post(URL, {"number": "4", "how-key": key}) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    assert Job.objects.count() == 1


def test_a_second_click_with_a_file_is_the_same_job(page, declare):
    declare(Upload)
    key = key_in(page.get(URL))

    first, second = (page.post(URL, {"source": picture(), "how-key": key}) for _ in range(2))

    assert first.headers["Location"] == second.headers["Location"]
    assert Job.objects.count() == Artifact.objects.count() == 1


@pytest.mark.parametrize(
    "changed",
    [{"word": "other"}, {"source": picture(content=PNG + b"x")}, {"how-run_at": "2099-01-01T10:00:00"}],
)
def test_the_same_key_with_other_values_is_refused_and_the_next_try_is_a_new_job(page, declare, changed):
    declare(Upload)
    key = key_in(page.get(URL))
    page.post(URL, {"source": picture(), "how-key": key})

    refused = page.post(URL, {"source": picture(), "how-key": key} | changed)

    assert refused.status_code == 422 and "sent before with other values" in refused.content.decode()
    assert Job.objects.count() == ArtifactUse.objects.count() == 1
    assert kept_in(refused.content.decode(), "source"), "it need not be chosen again"
    assert key_in(refused) != key


def test_anothers_key_is_another_key(page, office, declare):
    declare(Payload)

    for browser in (page, office):
        browser.post(URL, {"number": "4", "how-key": "same"})

    assert Job.objects.count() == 2


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [Payload, Upload])
def test_two_clicks_at_the_same_moment_are_one_job(submitter, declare, model):
    declare(model)
    both = Barrier(2)
    clients = [at_the_door(submitter) for _ in range(2)]

    def click(client) -> str:
        data = {"number": "4"} if model is Payload else {"source": picture()}
        both.wait(5)
        try:
            return client.post(URL, data | {"how-key": "one"}).headers["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(2) as pool:
        places = list(pool.map(click, clients))

    assert places[0] == places[1]
    assert Job.objects.count() == 1


def test_the_upload_and_its_use_are_kept_with_the_job(page, declare, submitter):
    declare(Upload)

    page.post(URL, {"source": picture("C:\\photo.png")})

    kept, job = Artifact.objects.get(), Job.objects.get()
    assert (kept.name, kept.media_type, kept.owner) == ("photo.png", "image/png", submitter)
    assert job.payload["source"] == str(kept.id)
    assert ArtifactUse.objects.get().job == job


@pytest.mark.parametrize(
    ("content", "why"), [(b"words", "Accepted: image/png"), (b"", "empty"), (PNG * 100_000, "larger than")]
)
def test_a_refused_upload_leaves_nothing(page, declare, files, content, why, settings):
    declare(Upload)
    from jobs.pages import form

    small = ArtifactField(accept=("image/png",), max_bytes=1_000_000)
    original = form.files_of
    form.files_of = lambda kind: dict.fromkeys(original(kind), small)
    try:
        answer = page.post(URL, {"source": picture(content=content), "word": "kept"})
    finally:
        form.files_of = original

    assert answer.status_code == 422
    assert why in answer.content.decode() and 'value="kept"' in answer.content.decode()
    assert not Job.objects.exists() and not Artifact.objects.exists()


def test_a_required_file_that_is_missing_is_asked_for(page, declare):
    declare(Upload)

    answer = page.post(URL, {"word": "x"})

    assert answer.status_code == 422 and "This field is required" in answer.content.decode()


def test_somebody_elses_file_cannot_be_named(page, declare, charlie):
    """The form takes uploads; an id typed in their place is no file."""
    from tests.factories import make_artifact

    declare(Upload)
    theirs = make_artifact(owner=charlie, media_type="image/png")

    answer = page.post(URL, {"source": str(theirs.id)})

    assert answer.status_code == 422
    assert not Job.objects.exists()


def test_who_may_only_look_is_told_so(charlie, declare):
    declare(Payload)

    answer = at_the_door(charlie).post(URL, {"number": "4"})

    assert answer.status_code == 403 and "submitter" in answer.content.decode()
    assert not Job.objects.exists()


def test_a_group_that_gives_the_right_gives_it(charlie, declare):
    declare(Payload)

    assert at_the_door(give(charlie, "submit_job")).post(URL, {"number": "4"}).status_code == 302


def test_an_unknown_kind_is_a_page_that_names_the_nearest(page, declare):
    declare(Payload)

    answer = page.get("/kinds/test.from")

    assert answer.status_code == 404 and "test.form" in answer.content.decode()


def test_every_listed_kind_has_a_page_and_a_place_in_the_catalogue(page):
    from jobs.registry import KINDS

    catalogue = page.get("/").content.decode()
    for kind in KINDS.listed():
        assert page.get(f"/kinds/{kind.name}").status_code == 200, kind.name
        assert f'href="/kinds/{kind.name}"' in catalogue


def test_a_nul_byte_is_refused_not_a_server_error(page, declare):
    declare(Payload)

    answer = page.post(URL, {"number": "4", "word": "a\0b"})

    assert answer.status_code == 422


class Deep(BaseModel):
    extra: dict[str, str]


def test_a_nul_deep_in_the_payload_is_refused_too(page, declare):
    declare(Deep)

    answer = page.post(URL, {"extra": r'{"a": "b\u0000c"}'})

    assert answer.status_code == 422 and "NUL" in answer.content.decode()
    assert page.post(URL, {"extra": r'{"a": "b\\u0000c"}'}).status_code == 302
    assert Job.objects.get().payload == {"extra": {"a": r"b\u0000c"}}


class Seldom(BaseModel):
    word: str = "hello"
    number: Annotated[int, AfterValidator(even)] = Field(default=2, json_schema_extra={"rare": True})


def test_what_is_seldom_filled_in_stands_behind_a_fold_that_opens_for_its_errors(page, declare):
    declare(Seldom)

    closed = page.get(URL).content.decode()
    opened = page.post(URL, {"word": "x", "number": "3"}).content.decode()

    fold = re.search(
        r'<details class="fold">\s*<summary>More choices</summary>.*?</details>', closed, re.DOTALL
    )
    assert fold
    assert 'name="number"' in fold[0]
    assert 'name="word"' not in fold[0]
    assert re.search(r'<details class="fold" open>\s*<summary>More choices</summary>', opened)
    assert page.post(URL, {"word": "x", "number": "4"}).headers["Location"].startswith("/jobs/")


class Letter(BaseModel):
    number: Annotated[int, AfterValidator(even)] = Field(ge=0)
    photos: list[Annotated[UUID, ArtifactField(accept=("image/png",))]] = []
    note: ArtifactId | None = None


def kept_in(text: str, name: str) -> list[str]:
    return re.findall(rf'name="{name}-kept" value="([^"]+)"', text)


@pytest.mark.parametrize("number", ["x", "3"], ids=["a-box-is-wrong", "the-payload-is-wrong"])
def test_files_of_a_refused_form_need_not_be_chosen_again(page, declare, submitter, number):
    """The mended form went out without them, and nothing said so."""
    declare(Letter)
    files = {"photos": [picture("a.png"), picture("b.png")], "note": picture("n.txt", b"words")}

    refused = page.post(URL, {"number": number, **files})
    shown = refused.content.decode()
    photos, note = kept_in(shown, "photos"), kept_in(shown, "note")
    page.post(URL, {"number": "4", "photos-kept": photos, "note-kept": note})

    assert refused.status_code == 422
    assert "have to be chosen again" not in shown and "was not kept" not in shown
    assert [name in shown for name in ("a.png", "b.png", "n.txt")] == [True] * 3
    payload = Job.objects.get().payload
    assert (payload["photos"], [payload["note"]]) == (photos, note)
    assert {str(file.id) for file in Artifact.objects.filter(owner=submitter)} == {*photos, *note}


def test_a_form_that_is_refused_twice_has_each_file_once(page, declare):
    declare(Letter)
    once = page.post(URL, {"number": "x", "photos": picture("a.png"), "note": picture("n.txt", b"words")})
    before = once.content.decode()
    kept = {f"{name}-kept": kept_in(before, name) for name in ("photos", "note")}

    text = page.post(
        URL, {"number": "x", "photos": picture("b.png"), "note": picture("m.txt", b"more"), **kept}
    )
    text = text.content.decode()

    assert re.findall(r"<strong>([abmn]\.\w+)</strong>", text) == ["a.png", "b.png", "m.txt"]
    assert kept_in(text, "photos")[:1] == kept["photos-kept"]


def test_a_file_that_cannot_be_accepted_is_said_at_once_and_not_kept(page, declare):
    declare(Letter)

    for number in ("x", "4"):
        text = page.post(URL, {"number": number, "photos": picture("a.png", b"no picture")}).content.decode()

        assert text.count("Accepted: image/png.") == 1
        assert kept_in(text, "photos") == []
    assert not Artifact.objects.exists()


def test_who_has_no_account_is_told_which_file_was_not_kept(declare):
    declare(Letter, name="test.open", public=True)

    text = Client().post("/p/test.open", {"number": "x", "note": picture("n.txt", b"words")}).content.decode()

    assert text.count("The file was not kept: choose it again, or send the form without it.") == 1
    assert "Files have to be chosen again." in text
    assert not Artifact.objects.exists()
