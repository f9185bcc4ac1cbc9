"""Sign in and out."""

from uuid import uuid4

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from jobs.pages.sign_in import GUESSES

pytestmark = pytest.mark.django_db
PASSWORD = "a long enough one"


@pytest.fixture
def person(db):
    return get_user_model().objects.create_user(f"ada-{uuid4().hex[:8]}", password=PASSWORD)


def sign_in(client: Client, name: str, password: str = PASSWORD, **more: str):
    return client.post("/sign-in", {"username": name, "password": password, **more})


def test_the_right_password_leads_to_the_catalogue(client, person):
    answer = sign_in(client, person.username)

    assert answer.headers["Location"] == "/"
    assert client.get("/").status_code == 200


def test_who_was_on_the_way_somewhere_gets_there(client, person):
    asked = client.get("/jobs?state=failed")
    assert asked.headers["Location"] == "/sign-in?next=/jobs%3Fstate%3Dfailed"

    answer = sign_in(client, person.username, next="/jobs?state=failed")

    assert answer.headers["Location"] == "/jobs?state=failed"


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_nobody_is_led_to_a_foreign_site(client, person, elsewhere):
    assert sign_in(client, person.username, next=elsewhere).headers["Location"] == "/"


def test_guesses_are_slowed_down_even_the_right_one(client, person):
    for _ in range(GUESSES):
        assert sign_in(client, person.username, "wrong").status_code == 200

    answer = sign_in(client, person.username)

    assert answer.status_code == 429
    assert 0 < int(answer.headers["Retry-After"]) <= 61
    assert "too often" in answer.content.decode()
    assert client.get("/jobs").status_code == 302


def test_guesses_in_another_case_are_the_same_guesses(client, person):
    for number in range(GUESSES):
        sign_in(client, person.username.upper() if number % 2 else person.username, "wrong")

    assert sign_in(client, person.username).status_code == 429


def test_another_name_or_address_is_not_slowed_down(client, person):
    other = get_user_model().objects.create_user(f"bea-{uuid4().hex[:8]}", password=PASSWORD)
    for _ in range(GUESSES + 1):
        sign_in(client, person.username, "wrong")

    assert sign_in(client, other.username).status_code == 302
    assert sign_in(Client(REMOTE_ADDR="10.77.0.9"), person.username).status_code == 302


def test_signing_out_is_a_post(client, person):
    client.force_login(person)

    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out").headers["Location"] == "/sign-in"
    assert client.get("/").status_code == 302


def test_service_users_cannot_sign_in(client):
    from jobs.owners import service_user

    user = service_user("public")

    assert sign_in(client, user.get_username(), "").status_code == 200
    assert sign_in(client, user.get_username(), "!").status_code == 200
