"""Message-IDs: what comes back under one of them is about that item, and nobody can make one up."""

from base64 import b32encode
from uuid import uuid4

import pytest
from django.utils.crypto import salted_hmac
from pytest_django import Settings

from jobs.mail.message_ids import SALT, make_message_id, open_message_id

JOB = uuid4()


def test_a_message_id_says_which_item_it_was() -> None:
    found = make_message_id(JOB, 4711, "example.org")

    assert found == make_message_id(JOB, 4711, "example.org")
    assert len(found) < 78
    assert open_message_id(f"Message-ID: {found}") == (JOB, 4711, False)


def test_a_message_id_says_for_good_whether_the_mail_was_redirected() -> None:
    found = make_message_id(JOB, 4711, "example.org", is_redirected=True)

    assert open_message_id(found) == (JOB, 4711, True)
    assert found != make_message_id(JOB, 4711, "example.org")


@pytest.mark.parametrize("secret", ["a key", b"a key"])
def test_the_seal_is_django_s_salted_hmac_so_that_mails_under_way_are_known(
    settings: Settings, secret: str | bytes
) -> None:
    settings.SECRET_KEY = secret
    digest = salted_hmac(SALT, f"{JOB.hex}.7", algorithm="sha256").digest()

    assert f".{b32encode(digest)[:16].decode().lower()}@" in make_message_id(JOB, 7, "example.org")


@pytest.mark.parametrize("forge", ["item", "job", "seal", "none", "other"])
def test_a_made_up_one_says_nothing(forge: str) -> None:
    mine = make_message_id(JOB, 4711, "example.org")
    forged = {
        "item": mine.replace(".4711.", ".4712."),
        "job": mine.replace(JOB.hex, uuid4().hex),
        "seal": mine.replace(mine[-28:-12], "a" * 16),
        "none": f"<{JOB.hex}.4711@example.org>",
        "other": "<CAF0_x=9@mail.example.org>",
    }[forge]

    assert forged != mine
    assert open_message_id(forged) is None


def test_a_new_secret_key_still_knows_mails_under_way(settings: Settings) -> None:
    before = make_message_id(JOB, 1, "example.org")

    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another" * 10
    assert open_message_id(before) == (JOB, 1, False)
    settings.SECRET_KEY_FALLBACKS = []
    assert open_message_id(before) is None
