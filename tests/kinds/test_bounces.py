"""email.bounces: reads the installation's folder, whatever who asks would like to read."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User

from jobs.errors import BadPayload, Cancelled, Rejected
from jobs.mail.message_ids import make_message_id
from jobs.models import Item, Suppression
from jobs.registry import KINDS, Kind
from tests.factories import make_job
from tests.mail.letters import bounce
from tests.running import accept, make_context, run
from tests.webhooks.conftest import SetConf, set_conf

__all__ = ["set_conf"]
pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def kind() -> Kind:
    return KINDS.find("email.bounces")


@pytest.fixture
def place(tmp_path: Path, set_conf: SetConf, alice: User) -> Path:
    """A folder with two reports about one mail, and something else."""
    sent = make_job("succeeded", owner=alice)
    item = Item.objects.create(job=sent, key="ada@example.org", state="done")
    raw = bounce(make_message_id(sent.id, item.pk, "example.org"))
    folder = tmp_path / "bounces"
    folder.mkdir()
    for name, content in (("a", raw), ("b", raw), ("c", b"Subject: lottery\n\n")):
        (folder / f"{name}.eml").write_bytes(content)
    set_conf(bounce_folder=str(folder))
    return folder


def test_it_says_what_became_of_each(kind: Kind, place: Path) -> None:
    result = run(kind, accept(kind, {}))

    assert result.values == {"suppressed": 1, "noted": 0, "nothing": 0, "known": 1, "refused": 1, "left": 0}
    assert Suppression.objects.get().address == "ada@example.org"


def test_it_reads_no_more_than_asked(kind: Kind, place: Path) -> None:
    result = run(kind, accept(kind, {"limit": 1}))

    assert result.values["suppressed"] == 1
    assert len(list(place.glob("*.eml"))) == 2


def test_it_stops_between_two_when_it_is_cancelled(kind: Kind, place: Path) -> None:
    job = accept(kind, {})
    context = make_context(
        kind, job, is_cancelled=lambda: (place / "done").exists() and any((place / "done").iterdir())
    )

    with pytest.raises(Cancelled):
        kind.run(context, kind.validate({}))

    assert len(list(place.glob("*.eml"))) == 2


def test_without_a_folder_there_is_nothing_to_read(kind: Kind, alice: User) -> None:
    assert "BOUNCE_FOLDER is not set" in run(kind, accept(kind, {})).values["note"]


def test_a_folder_that_is_not_there_is_said(
    kind: Kind, tmp_path: Path, set_conf: SetConf, alice: User
) -> None:
    set_conf(bounce_folder=str(tmp_path / "nowhere"))

    with pytest.raises(Rejected, match="cannot be used"):
        run(kind, accept(kind, {}))


def test_nobody_chooses_the_folder(kind: Kind) -> None:
    with pytest.raises(BadPayload):
        kind.validate({"folder": "/etc"})
