"""Which files a payload may name."""

from typing import Annotated
from uuid import UUID, uuid4

import pydantic
import pytest
from django.contrib.auth.models import User

from jobs.artifacts import ArtifactField, ArtifactId, check_uses, record_uses
from jobs.errors import BadPayload
from jobs.models import Artifact, ArtifactUse
from tests.factories import make_artifact, make_group, make_job

pytestmark = pytest.mark.django_db


class Pages(pydantic.BaseModel):
    pages: list[ArtifactId] = []


class Picture(pydantic.BaseModel):
    source: Annotated[UUID, ArtifactField(accept=("image/*",), max_bytes=4)]


def refusal(payload: pydantic.BaseModel, owner: User) -> str:
    with pytest.raises(BadPayload) as caught:
        check_uses(payload, owner=owner, kind="test.ok")
    return str(caught.value)


def test_ones_own_file_may_be_used(alice: User) -> None:
    check_uses(Pages(pages=[make_artifact(owner=alice).id]), owner=alice, kind="test.ok")


def test_an_absent_file_and_a_strangers_file_look_the_same(alice: User, charlie: User) -> None:
    absent = refusal(Pages(pages=[uuid4()]), charlie)
    strange = refusal(Pages(pages=[make_artifact(owner=alice).id]), charlie)

    assert absent == strange
    assert "pages.0: there is no such file of yours" in strange


def test_results_of_a_groups_job_may_be_used_by_its_members(alice: User, bob: User, charlie: User) -> None:
    job = make_job("succeeded", owner=alice, group=make_group())
    result = make_artifact(owner=alice, job=job.id)

    check_uses(Pages(pages=[result.id]), owner=bob, kind="test.ok")
    refusal(Pages(pages=[result.id]), charlie)


def test_a_file_must_suit_the_field_that_names_it(alice: User) -> None:
    text = make_artifact(owner=alice)
    large = make_artifact(owner=alice, media_type="image/png", name="large.png")

    assert "source: 'notes.txt' is text/plain; accepted: image/*" in refusal(Picture(source=text.id), alice)
    assert "source: 'large.png' has 5 bytes; accepted: up to 4 bytes" in refusal(
        Picture(source=large.id), alice
    )


def test_a_use_is_recorded_once_for_each_job(alice: User) -> None:
    artifact: Artifact = make_artifact(owner=alice)
    payload = Pages(pages=[artifact.id, artifact.id])
    jobs = [make_job().id, make_job().id]

    record_uses((job, payload) for job in jobs)

    assert set(ArtifactUse.objects.values_list("job_id", "artifact_id")) == {
        (job, artifact.id) for job in jobs
    }
