"""What doctor says of the mail server, and of who asked to be left alone; it sends nothing."""

import time
from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from pytest_django import Settings

from core.embedded.ports import free_port
from jobs.doctor.finding import State
from jobs.models import MailTraffic
from tests.engines.smtp.test_connection import make_certificate
from tests.jobs.doctor.conftest import Look, ids, of
from tests.smtp_script import HANG_UP, LOOPBACK, ScriptedServer, scripted
from workers import doctor
from workers.engines.smtp.server import Server

pytestmark = pytest.mark.django_db(transaction=True)
PASSWORD = "not for everybody"


@pytest.fixture
def mill(settings: Settings) -> Iterator[ScriptedServer]:
    """The server of the settings."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
    settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
    settings.DEFAULT_FROM_EMAIL = "Mill <mill@example.org>"
    with scripted() as server:
        settings.EMAIL_HOST, settings.EMAIL_PORT = LOOPBACK, server.port
        yield server


def with_password(mill: ScriptedServer, settings: Settings) -> None:
    mill.extensions = (*mill.extensions, "AUTH PLAIN")
    mill.script["AUTH"] = "235 2.7.0 Come in"
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mill", PASSWORD


def test_a_server_that_takes_our_mail_is_ok_and_gets_none(
    look: Look, mill: ScriptedServer, settings: Settings
) -> None:
    with_password(mill, settings)

    area = look("mail")

    assert area.state is State.OK, area.seen
    assert area.seen.text == f"127.0.0.1:{mill.port}, mail comes from mill@example.org"
    said = [line.split()[0].upper() for session in mill.sessions for line in session.lines]
    assert "MAIL" in said
    assert not {"RCPT", "DATA"} & set(said)


def test_a_server_that_is_away_is_a_problem(look: Look, mill: ScriptedServer, settings: Settings) -> None:
    settings.EMAIL_PORT = free_port()

    assert of(look("mail"), "mail.unusable").state is State.PROBLEM


def test_where_nobody_named_one_it_is_a_warning(
    look: Look, mill: ScriptedServer, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.EMAIL_PORT = free_port()
    monkeypatch.setattr(doctor, "UNNAMED", f"{LOOPBACK}:{settings.EMAIL_PORT}")

    assert of(look("mail"), "mail.unusable").state is State.WARNING


def test_one_that_hangs_up_is_away(look: Look, mill: ScriptedServer) -> None:
    mill.script["GREETING"] = HANG_UP

    assert ids(look("mail")) == {"mail.unusable"}


def test_a_password_that_is_refused_is_a_problem_and_not_shown(
    look: Look, mill: ScriptedServer, settings: Settings
) -> None:
    with_password(mill, settings)
    mill.script["AUTH"] = "535 5.7.8 Wrong password"

    found = of(look("mail"), "mail.unusable")

    assert found.found.endswith("it refuses user and password: 535 5.7.8 Wrong password")
    assert PASSWORD not in str(found)


def test_a_sender_that_is_refused_is_a_problem(look: Look, mill: ScriptedServer) -> None:
    mill.script["MAIL"] = "550 5.7.1 Not your address"

    found = of(look("mail"), "mail.sender")

    assert "takes nothing from mill@example.org: 550 5.7.1 Not your address" in found.found
    assert "FROM_EMAIL" in found.remedy


def test_a_login_that_is_not_offered_is_a_problem(
    look: Look, mill: ScriptedServer, settings: Settings
) -> None:
    settings.EMAIL_HOST_USER, settings.EMAIL_HOST_PASSWORD = "mill", PASSWORD

    assert ids(look("mail")) == {"mail.unusable"}


def test_tls_that_is_not_offered_is_a_problem(look: Look, mill: ScriptedServer, settings: Settings) -> None:
    settings.EMAIL_USE_TLS = True

    assert ids(look("mail")) == {"mail.unusable"}


def test_a_certificate_that_nobody_knows_is_a_problem_unless_that_is_allowed(
    look: Look, mill: ScriptedServer, settings: Settings, tmp_path: Path
) -> None:
    mill.tls = make_certificate(tmp_path, x509.IPAddress(ip_address(LOOPBACK)))
    settings.EMAIL_USE_TLS = True

    assert ids(look("mail")) == {"mail.unusable"}
    settings.EMAIL_UNVERIFIED = True
    assert look("mail").state is State.OK


def test_no_tls_where_it_comes_first_is_a_problem(
    look: Look, mill: ScriptedServer, settings: Settings
) -> None:
    settings.EMAIL_USE_SSL = True

    assert ids(look("mail")) == {"mail.unusable"}


def test_a_password_in_the_clear_is_a_warning_elsewhere_than_here(settings: Settings) -> None:
    elsewhere = Server(host="mail.example.org", port=25, user="mill", password=PASSWORD)

    assert [found.id for found in doctor.unsafe(elsewhere)] == ["mail.clear"]
    assert not list(doctor.unsafe(Server(host=LOOPBACK, port=25, user="mill", password=PASSWORD)))


def test_who_asked_to_be_left_alone_is_a_warning_until_the_time_is_over(
    look: Look, mill: ScriptedServer
) -> None:
    now = time.time()
    asked = {"example.net": (now + 600, "451 4.7.1 Slow"), "example.com": (now - 1, "421 Later")}
    for domain, (until, why) in asked.items():
        MailTraffic.objects.create(key=f"domain={domain}", off_until=until, off_times=1, off_why=why)

    found = of(look("mail"), "mail.paused")

    assert found.state is State.WARNING
    assert found.found == "example.net asked to be left alone, for another 10 min: 451 4.7.1 Slow"


def test_a_backend_of_djangos_is_not_asked(look: Look, mill: ScriptedServer, settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"

    area = look("mail")

    assert area.state is State.OK
    assert "locmem" in area.seen.text
    assert not mill.sessions


def test_a_server_that_is_not_ready_is_a_warning(look: Look, mill: ScriptedServer) -> None:
    mill.script["MAIL"] = "451 4.7.1 Greylisted"

    assert of(look("mail"), "mail.later").state is State.WARNING


@pytest.mark.parametrize("sender", ["", "Mill", "Mill <>"])
def test_a_sender_without_an_address_is_a_problem(
    look: Look, mill: ScriptedServer, settings: Settings, sender: str
) -> None:
    settings.DEFAULT_FROM_EMAIL = sender

    assert ids(look("mail")) == {"mail.no_sender"}


def test_what_a_worker_could_not_use_is_not_ok(look: Look, mill: ScriptedServer, settings: Settings) -> None:
    with_password(mill, settings)
    mill.extensions = ("AUTH CRAM-MD5",)

    assert "neither AUTH PLAIN nor AUTH LOGIN" in of(look("mail"), "mail.unusable").found


def test_letters_of_any_alphabet_sign_in_and_send(
    look: Look, mill: ScriptedServer, settings: Settings
) -> None:
    with_password(mill, settings)
    settings.EMAIL_HOST_PASSWORD = "mühle"
    settings.DEFAULT_FROM_EMAIL = "jürgen@example.org"

    assert look("mail").state is State.OK


def test_an_app_adds_areas_of_its_own(
    look: Look, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, text in {
        "sound": "from jobs.doctor.examine import Probe\nfrom jobs.doctor.finding import Seen\n"
        "PROBES = (Probe('sound', 'Sound', lambda: Seen('all is well')),)\n",
        "broken": "1 / 0\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
        (tmp_path / name / "doctor.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "sound", "broken"]

    assert look("sound").seen.text == "all is well"
    assert ids(look("broken")) == {"broken.error"}
