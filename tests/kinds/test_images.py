"""images.resize: one upload, several sizes."""

from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from PIL import Image

from jobs import items
from jobs.artifacts import open_file, publish, store_upload
from jobs.database import DJANGO
from jobs.errors import BadPayload, Cancelled, Rejected
from jobs.models import Artifact, Item, Job
from jobs.registry import KINDS, Kind
from jobs.states import ItemState
from tests.running import accept, lose, make_context, run

pytestmark = pytest.mark.django_db
EXAMPLE = Path("workers/kinds/examples/mountain-lake.jpg")


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("images.resize")


@pytest.fixture
def photo(alice: User) -> UUID:
    with EXAMPLE.open("rb") as file:
        return store_upload(file, name="mountain-lake.jpg", owner=alice).id


def payload(photo: UUID, **fields: Any) -> dict[str, Any]:
    return {"source": str(photo), "sizes": ["600", "96x96"], **fields}


def test_every_size_comes_out_of_one_upload(kind: Kind, photo: UUID, alice: User) -> None:
    job = accept(kind, payload(photo, format="webp"), alice)

    result = run(kind, job)
    publish(result.artifacts, DJANGO)

    assert [saved.name for saved in result.artifacts] == [
        "mountain-lake-600x400.webp",
        "mountain-lake-96x64.webp",
    ]
    artifact = Artifact.objects.get(id=result.artifacts[0].id)
    with open_file(artifact.path) as file:
        assert Image.open(file).size == (600, 400)
    assert result.values["source"] == "mountain-lake.jpg, 1200 × 800, JPEG"
    assert (result.values["accepted"], result.values["done"], result.values["failed"]) == (2, 2, 0)
    assert items.counts(job.id)[ItemState.DONE] == 2


@pytest.mark.parametrize(
    ("format", "suffix"),
    [("same", "jpg"), ("jpeg", "jpg"), ("png", "png"), ("webp", "webp"), ("avif", "avif")],
)
def test_every_format_can_be_asked_for(
    kind: Kind, photo: UUID, alice: User, format: str, suffix: str
) -> None:
    result = run(kind, accept(kind, payload(photo, format=format, sizes=["64"]), alice))

    assert result.artifacts[0].name == f"mountain-lake-64x43.{suffix}"


def test_the_second_attempt_draws_everything_again(kind: Kind, photo: UUID, alice: User) -> None:
    """What a dead attempt drew was never published, so a ledger that skipped it would lose it."""
    job = accept(kind, payload(photo), alice)
    first = run(kind, job)

    second = run(kind, lose(job))

    assert [saved.sha256 for saved in second.artifacts] == [saved.sha256 for saved in first.artifacts]
    assert items.counts(job.id)[ItemState.DONE] == 2


def test_a_size_that_cannot_be_drawn_is_counted_and_the_others_come_out(
    kind: Kind, photo: UUID, alice: User
) -> None:
    asked = payload(photo, sizes=["10000x10000", "96"], mode="crop", enlarge=True)

    job = accept(kind, asked, alice)
    result = run(kind, job)

    assert (result.values["done"], result.values["failed"]) == (1, 1)
    assert result.values["problems"] == ["10000 × 10000 would be more than 50 million pixels."]
    assert Item.objects.get(job=job, key="10000x10000").state == "failed"


def test_a_job_of_which_nothing_comes_out_is_rejected(kind: Kind, photo: UUID, alice: User) -> None:
    asked = payload(photo, sizes=["10000x10000"], mode="crop", enlarge=True)

    with pytest.raises(Rejected, match="50 million"):
        run(kind, accept(kind, asked, alice))


def test_a_damaged_upload_is_rejected_with_a_sentence(kind: Kind, alice: User) -> None:
    source = store_upload(BytesIO(EXAMPLE.read_bytes()[:9000]), name="half.jpg", owner=alice).id

    with pytest.raises(Rejected, match=r"'half\.jpg' is cut off: its end is missing"):
        run(kind, accept(kind, payload(source), alice))


def test_a_cancelled_job_stops_between_two_sizes(kind: Kind, photo: UUID, alice: User) -> None:
    job = accept(kind, payload(photo), alice)
    looks = iter([False, True, True])
    context = make_context(kind, job, is_cancelled=lambda: next(looks))

    with pytest.raises(Cancelled):
        kind.run(context, kind.validate(job.payload))
    context.close()

    assert [item.state for item in Item.objects.order_by("id")] == ["done", "doing"]
    assert Job.objects.get().state == "running", "a kind never touches its job"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("sizes", []),
        ("sizes", ["0"]),
        ("sizes", ["100x"]),
        ("sizes", ["20000"]),
        ("sizes", ["99999999999"]),
        ("quality", 0),
        ("format", "tiff"),
        ("background", "red"),
        ("colour", "red"),
    ],
)
def test_nonsense_is_refused(kind: Kind, photo: UUID, field: str, value: object) -> None:
    with pytest.raises(BadPayload, match=field):
        kind.validate(payload(photo) | {field: value})


def test_sizes_are_read_generously(kind: Kind, photo: UUID) -> None:
    valid = kind.validate(payload(photo, sizes=[" 800X600 ", "800×600", "320"]))

    assert valid.sizes == ["800x600", "320"]  # type: ignore[attr-defined]
