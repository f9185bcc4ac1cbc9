"""Reports from a folder: each is taken once and put away, whoever dies or reads beside us."""

import os
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from threading import Barrier, Thread

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from jobs.mail import folder as reading
from jobs.mail.folder import Count, Unreadable, read_folder
from jobs.mail.message_ids import make_message_id
from jobs.models import Item, MailReport, Suppression
from tests.factories import make_job
from tests.mail.letters import bounce, recipient
from tests.webhooks.conftest import SetConf

pytestmark = pytest.mark.django_db
ADA = "ada@example.org"


@pytest.fixture
def good(alice: User) -> bytes:
    job = make_job("succeeded", owner=alice)
    item = Item.objects.create(job=job, key=ADA, state="done")
    return bounce(make_message_id(job.id, item.pk, "example.org"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    found = tmp_path / "bounces"
    found.mkdir()
    return found


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def told(count: Count) -> dict[str, int]:
    return {name: number for name, number in vars(count).items() if isinstance(number, int) and number}


def test_what_was_taken_is_done_and_what_was_not_says_why(place: Path, good: bytes) -> None:
    (place / "a.eml").write_bytes(good)
    (place / "b.EML").write_bytes(b"Subject: lottery\n\nYou won")
    (place / "notes.txt").write_bytes(good)

    assert told(read_folder(place)) == {"suppressed": 1, "refused": 1}

    [done] = names(place / "done")
    refused, why = names(place / "refused")
    assert done.endswith("-a.eml")
    assert (refused.endswith("-b.EML"), why) == (True, f"{refused}.txt")
    assert "no report" in (place / "refused" / why).read_text()
    assert names(place) == ["done", "notes.txt", "refused"]
    assert told(read_folder(place)) == {}


def test_a_maildir_is_one(place: Path, good: bytes) -> None:
    for name in ("tmp", "new", "cur"):
        (place / name).mkdir()
        (place / name / f"17000.{name}.mx:2,S").write_bytes(good)

    assert told(read_folder(place)) == {"suppressed": 1, "known": 1}

    assert names(place / "tmp") == ["17000.tmp.mx:2,S"]
    assert names(place / "new") == names(place / "cur") == []
    assert len(names(place / "done")) == 2


def test_two_reports_of_one_name_are_both_kept(place: Path, good: bytes) -> None:
    for content in (good, good.replace(b"<1@mx", b"<2@mx")):
        (place / "report.eml").write_bytes(content)
        read_folder(place)

    assert len(names(place / "done")) == 2


def test_dying_after_the_commit_takes_it_once(
    place: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """We die on the line that would have put the file away; the next reader finds it still there."""
    (place / "a.eml").write_bytes(good)

    def die(*_: object) -> Path:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(reading, "_place", die)
        with pytest.raises(KeyboardInterrupt):
            read_folder(place)
    assert names(place) == ["a.eml", "done", "refused"]
    Suppression.objects.all().delete()  # somebody lifted it meanwhile

    assert told(read_folder(place)) == {"known": 1}
    assert not Suppression.objects.exists()
    assert len(names(place / "done")) == 1


def test_without_a_database_the_file_stays(place: Path, good: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "a.eml").write_bytes(good)

    def away(*_: object, **__: object) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(reading, "take_report", away)
    with pytest.raises(OperationalError):
        read_folder(place)

    assert "a.eml" in names(place)


def test_a_file_that_another_process_took_is_passed_over(
    place: Path, good: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Race: both list the folder; the other takes one file before we open it, one before we move it."""
    for name in ("a.eml", "b.eml", "c.eml"):
        (place / name).write_bytes(good.replace(b"<1@mx", f"<{name}@mx".encode()))
    take: Callable[..., object] = reading.take_report

    def slowly(raw: bytes, **more: object) -> object:
        for name in ("a.eml", "b.eml"):
            (place / name).unlink(missing_ok=True)
        return take(raw, **more)

    monkeypatch.setattr(reading, "take_report", slowly)

    assert told(read_folder(place))["suppressed"] >= 1
    assert names(place) == ["done", "refused"]


def test_links_pipes_and_folders_are_not_read(place: Path, good: bytes, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_bytes(good)
    (place / "link.eml").symlink_to(secret)
    (place / "folder.eml").mkdir()
    os.mkfifo(place / "pipe.eml")

    count = read_folder(place)

    assert told(count) == {"left": 1}
    assert not MailReport.objects.exists()
    assert secret.exists()


def test_a_huge_file_is_refused_without_being_read_whole(place: Path) -> None:
    with (place / "a.eml").open("wb") as file:
        file.truncate(20 * 1024**3)

    assert told(read_folder(place)) == {"refused": 1}


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="cannot be used"):
        read_folder(tmp_path / "nowhere")


def test_the_command_reads_the_folder_of_the_settings(place: Path, good: bytes, set_conf: SetConf) -> None:
    (place / "a.eml").write_bytes(good)
    (place / "b.eml").write_bytes(b"x")
    set_conf(bounce_folder=str(place))
    out = StringIO()

    call_command("bounces", stdout=out)

    assert out.getvalue().startswith(
        "1 suppressed, 0 noted, 0 without effect, 0 known already, 1 refused, 0 left."
    )
    assert "refused 1: This is no report" in out.getvalue()


def test_the_command_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="BOUNCE_FOLDER"):
        call_command("bounces")
    with pytest.raises(CommandError, match="cannot be used"):
        call_command("bounces", str(tmp_path / "nowhere"))


@pytest.mark.django_db(transaction=True)
def test_two_readers_of_one_folder_take_each_report_once(place: Path, alice: User) -> None:
    """Race: both list the same files, read the same report, and want to put the same file away."""
    job = make_job("succeeded", owner=alice)
    people = [f"person{number}@example.org" for number in range(30)]
    for place_in_list, address in enumerate(people):
        item = Item.objects.create(job=job, key=address, state="done")
        raw = bounce(make_message_id(job.id, item.pk, "example.org"), recipient(address))
        (place / f"{place_in_list:02}.eml").write_bytes(raw)
    start, counts, errors = Barrier(2), [], []

    def read() -> None:
        try:
            start.wait(30)
            counts.append(read_folder(place))
        except Exception as error:  # noqa: BLE001 - told by the test's own thread
            errors.append(error)
        finally:
            connection.close()

    threads = [Thread(target=read) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert errors == []
    assert sum(count.suppressed for count in counts) == Suppression.objects.count() == len(people)
    assert MailReport.objects.count() == len(people)
    assert len(names(place / "done")) == len(people)
    assert names(place) == ["done", "refused"]
