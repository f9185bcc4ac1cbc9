"""What every request passes before the doors."""

import pytest
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_a_harmless_request_id_is_kept_and_another_replaced(client: Client) -> None:
    kept = client.get("/sign-in", headers={"X-Request-ID": "trace-7"})
    made = client.get("/sign-in", headers={"X-Request-ID": "evil\\n" + "x" * 80})

    assert kept["X-Request-ID"] == "trace-7"
    assert len(made["X-Request-ID"]) == 32


def test_an_unknown_host_is_refused_by_the_doors_and_not_by_the_probes() -> None:
    stranger = Client(HTTP_HOST="evil.example.org")

    assert stranger.get("/sign-in").status_code == 400
    assert stranger.get("/livez").status_code == 200


@pytest.mark.parametrize("name", ["catalogue", "jobs", "sign-in", "admin:index", "flower"])
def test_every_door_has_its_address(client: Client, name: str) -> None:
    assert client.get(reverse(name)).status_code in {200, 302}


def test_what_is_not_there_is_a_page_of_ours(client: Client) -> None:
    answer = client.get("/nothing/here")

    assert answer.status_code == 404
    assert "Millrace" in answer.content.decode()
